"""A graph rewritten to compute in bf16, so that its weights are kept in 16 bits too."""

from __future__ import annotations

import openvino as ov
from openvino import opset13

PRODUCTS = frozenset(
    {
        "Convolution",
        "ConvolutionBackpropData",
        "GroupConvolution",
        "GroupConvolutionBackpropData",
        "MatMul",
    }
)


def narrow(model: ov.Model) -> None:
    """Change everything between the first products of a graph and its last to bf16, in place.

    Asked to compute an f32 graph in bf16, OpenVINO narrows the operations and keeps the weights
    of the file in 32 bits beside the ones it uses. What leads to the products and what follows
    the last of them (mix, sines, sampler step, rounding to pixels) stays in f32, and so does
    whatever hands over to it: a result that bf16 has rounded cannot be made exact again.
    """
    nodes = model.get_ordered_ops()
    inside = _inside(nodes)
    converted: dict[tuple[str, int, bool], ov.Output] = {}
    for node in nodes:
        narrowed = _name(node) in inside
        if node.get_type_name() == "ShapeOf":
            continue
        for port in node.inputs():
            source = port.get_source_output()
            giver = source.get_node()
            if source.get_element_type() != ov.Type.f32 or narrowed == (_name(giver) in inside):
                continue
            key = (_name(giver), source.get_index(), narrowed)
            if key not in converted:
                if narrowed and _is_widened(giver):
                    source = giver.input_value(0)
                kind = "bf16" if narrowed else "f32"
                converted[key] = opset13.convert(source, kind).output(0)
            port.replace_source_output(converted[key])
    model.validate_nodes_and_infer_types()


def _inside(nodes: list[ov.Node]) -> set[str]:
    """Return the names of what lies between products and is read by nothing else."""
    after: set[str] = set()
    for node in nodes:
        if node.get_type_name() in PRODUCTS or any(
            _name(port.get_source_output().get_node()) in after for port in node.inputs()
        ):
            after.add(_name(node))
    before: set[str] = set()
    for node in reversed(nodes):
        if node.get_type_name() in PRODUCTS or _readers(node) & before:
            before.add(_name(node))
    between = after & before
    return {_name(node) for node in nodes if _name(node) in between and _readers(node) <= between}


def _readers(node: ov.Node) -> set[str]:
    """Return the names of what reads a node's values, not only their shape."""
    targets = (port.get_node() for output in node.outputs() for port in output.get_target_inputs())
    return {_name(target) for target in targets if target.get_type_name() != "ShapeOf"}


def _is_widened(node: ov.Node) -> bool:
    """Whether a node makes f32 of a constant that is kept in fewer bits."""
    return bool(
        node.get_type_name() == "Convert"
        and node.input_value(0).get_node().get_type_name() == "Constant"
    )


def _name(node: ov.Node) -> str:
    """Return the name of a node, the same for every wrapper of it."""
    return str(node.get_friendly_name())
