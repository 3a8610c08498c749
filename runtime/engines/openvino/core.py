"""OpenVINO's entry point, one for the whole process."""

import openvino as ov

CORE = ov.Core()
"""Never make a second one: on a processor with AMX each gives the thread an alternate signal stack
and frees it when it goes. Of two that go in the order they came, the first stays in use though
freed, and the next Ctrl-C ends in a segmentation fault (OpenVINO 2026.4, its CPU plugin's
``SigAltStackSetup``)."""
