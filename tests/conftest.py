import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from runtime.pipeline import Pipeline

# how long a busy machine takes to draw an example says nothing of the program
settings.register_profile("here", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

pytest_plugins = ["tests.support.cli", "tests.support.faults"]


@pytest.fixture(scope="session", autouse=True)
def answer_ctrl_c() -> None:
    """Hear SIGINT even where a shell's ``&`` has it ignored: tests send it, and would wait."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_engine_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the suite out of the user's folders, and compile the built-in model once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def pipeline() -> Iterator[Pipeline]:
    """The built-in model in f32 on the CPU."""
    with Pipeline.open("critters", backend="openvino", precision="f32") as opened:
        yield opened
