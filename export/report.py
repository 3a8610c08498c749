"""What a manifest tells of how its bundle was built, as lines for people."""

from __future__ import annotations

from runtime.bundles.manifest import Manifest
from runtime.perception.psnr import ENOUGH


def report(manifest: Manifest) -> list[str]:
    """Return where a bundle came from, what was assumed and its figures, as lines for people."""
    sources = manifest.sources
    lines = [f"{sources['hub']} at commit {sources['revision']}"] if "hub" in sources else []
    lines += [str(note) for note in sources.get("notes", ())]
    halves = manifest.precision == "f16"
    for precision in ("f32", "bf16", "f16"):
        if precision not in manifest.parity:
            continue
        one = manifest.parity[precision]
        how = f"f16 graphs computed in {precision}" if halves and precision != "f16" else precision
        latent = one["worst_latent"]
        near = "not finite" if latent is None else f"within {latent:.1e}"
        lines.append(
            f"parity with diffusers, {how}: worst {one['worst_levels']}/255, "
            f"{one['psnr']:.1f} dB, latents {near} ({one['frames']} frames)"
        )
        if precision == "f16" and one["psnr"] < ENOUGH:
            lines.append(
                f"f16 is coarse for this model (below {ENOUGH:.0f} dB): --precision f32 is exact "
                "and slower"
            )
        if precision == "bf16" and one["psnr"] < ENOUGH:
            lines.append(
                f"bf16 draws this model too roughly (below {ENOUGH:.0f} dB): the CPU will run it "
                "in f32"
            )
    lines.append(
        f"edits of the text move the picture by {manifest.parity['hears']:.2f}/255 or more"
    )
    return lines
