"""The proportions of each species and the numbers of each mood: data that ``animals`` draws."""

from dataclasses import dataclass, replace

from export.critters.pictures.palette import FurPath


@dataclass(frozen=True)
class Species:
    """Lengths in pixels at default size; face positions as shares of the head's half axes."""

    fur: FurPath
    scale: float = 1.0
    # Head: half width, half height, height of its centre above the ground, then its outline:
    # flatness of the crown, height of the widest place, sharpness of the cheeks, width of the chin.
    hw: float = 56
    hh: float = 46
    hy: float = 122
    flat: float = 0.62
    wide: float = 0.15
    cheek: float = 0.2
    chin: float = 0.55
    # Ears: kind, length, width, place on the crown, angle outwards in degrees.
    ear: str = "point"
    ear_len: float = 37
    ear_w: float = 46
    ear_x: float = 0.62
    ear_turn: float = 14
    # Body: half widths at the shoulder and the base; front legs' width and distance.
    sw: float = 30
    bw: float = 48
    leg: float = 21
    leg_x: float = 15
    # Eyes: radius, distance from the middle, height; iris.
    eye: float = 11.5
    eye_x: float = 0.46
    eye_y: float = 0.02
    iris: str = "7fae5a a9b04a d8a440"
    # Muzzle: half width, half height, height; nose half width and colour.
    muz_w: float = 0.36
    muz_h: float = 0.27
    muz_y: float = 0.48
    nose: float = 6.5
    nose_color: str = "d98078"
    # Tail: kind and width.
    tail: str = "curl"
    tail_w: float = 16
    whiskers: bool = True
    stripes: float = 0
    """Strength of its own stripes, 0..1."""
    faint: str = ""
    """Markings that may show faintly when the coat is open."""
    special: str = ""
    """What only this species has: mask, mane, patches, wings, collar."""


_CAT = Species(
    FurPath(
        "8e939c b3a89e e6a862 eccca2 b98a62", "e2e5e8 f0e8df fcead0 fcf3e4 f2dfc8",
        "4c515c 6a5c54 a8642e a87a4c 6e4a34"),
    faint="tabby",
)  # fmt: skip
_DOG = Species(
    FurPath(
        "e2b878 d49a5c b87c4e c9a98a d8c6ae", "faecd2 f6e2c4 eed6ba f4e8da faf2e6",
        "9a6a3a 84502e 64402c 6e5444 7c6450"),
    hw=50, hh=48, hy=124, flat=0.66, wide=0.0, cheek=0.0, chin=0.66,
    ear="flop", ear_len=62, ear_w=32, ear_x=0.84, ear_turn=12, sw=33, bw=48, leg=23, leg_x=17,
    eye=10.5, eye_x=0.42, eye_y=-0.06, iris="8a5a34 7a4c2c 8a5f40", muz_w=0.5, muz_h=0.42,
    muz_y=0.46, nose=11, nose_color="3a2f33", tail="wag", tail_w=15, whiskers=False,
    faint="spotted", special="collar",
)  # fmt: skip

SPECIES: dict[str, Species] = {
    "cat": _CAT,
    "kitten": replace(
        _CAT, scale=0.9, hw=66, hh=55, hy=98, flat=0.6, wide=0.25, cheek=0.12, chin=0.6,
        ear_len=31, ear_w=42, ear_x=0.68, ear_turn=24, sw=25, bw=39, leg=20, leg_x=11, eye=17,
        eye_x=0.45, eye_y=0.12, muz_w=0.26, muz_h=0.2, muz_y=0.56, nose=5.5, tail="kit", tail_w=15,
        iris="6fa8c8 74b0b8 7fb890",
    ),
    "dog": _DOG,
    "puppy": replace(
        _DOG, scale=0.9, hw=62, hh=56, hy=98, flat=0.68, wide=0.1, chin=0.64, ear_len=50,
        ear_w=36, ear_x=0.86, ear_turn=32, sw=26, bw=41, leg=22, leg_x=12, eye=16, eye_x=0.4,
        eye_y=0.06, muz_w=0.38, muz_h=0.3, muz_y=0.52, nose=10, tail="wag", tail_w=13, special="",
    ),
    "rabbit": Species(
        FurPath("b8b4b4 dcc6a8 c69e78 a58c78", "f4f4f4 fbf3e6 f6e8d4 f0e4d6",
                "68686e 8f6c4e 74503a 5f4c42"),
        scale=0.92, hw=46, hh=44, hy=104, flat=0.5, wide=0.2, cheek=0.0, chin=0.6, ear="long",
        ear_len=75, ear_w=27, ear_x=0.36, ear_turn=10, sw=27, bw=50, leg=18, leg_x=12, eye=11.5,
        eye_x=0.5, eye_y=0.0, iris="7a4a34 8a5a40 6a4a44", muz_w=0.34, muz_h=0.26, muz_y=0.44,
        nose=6, nose_color="e08c90", tail="puff", tail_w=34, faint="spotted",
    ),
    "fox": Species(
        FurPath("f0843a e2702c cf6034", "fff6ea fff4e6 fbefe2", "5a3a32 4e302c 4a2e30"),
        hw=62, hh=45, hy=115, flat=0.5, wide=0.22, cheek=1.0, chin=0.3, ear_len=46, ear_w=48,
        ear_x=0.6, ear_turn=20, sw=27, bw=43, leg=19, leg_x=13, eye=10.5, eye_x=0.4, eye_y=0.0,
        iris="d89a3c c88a34 b87a34", muz_w=0.19, muz_h=0.25, muz_y=0.55, nose=8,
        nose_color="3a2c30", tail="brush", tail_w=44, whiskers=False, special="mask",
    ),
    "bear": Species(
        FurPath("9a6844 7c5238 684a38", "dcb890 cfa880 b8967a", "5a3a28 4a2f24 3a2824"),
        scale=1.02, hw=56, hh=48, hy=124, flat=0.68, wide=0.15, cheek=0.0, chin=0.72, ear="round",
        ear_len=21, ear_w=21, ear_x=0.76, sw=46, bw=66, leg=29, leg_x=25, eye=8.5, eye_x=0.38,
        eye_y=-0.1, iris="6a4630 5f3f2c 6a4a3a", muz_w=0.46, muz_h=0.4, muz_y=0.4, nose=12,
        nose_color="3a2c2c", tail="none", whiskers=False,
    ),
    "panda": Species(
        FurPath("f6f2ea faf6ee f2eee8", "fffdf8 fffdf8 fffdf8", "383641 3e3a42 34343e"),
        scale=1.0, hw=60, hh=50, hy=120, flat=0.66, wide=0.2, cheek=0.05, chin=0.68, ear="round",
        ear_len=20, ear_w=20, ear_x=0.76, sw=42, bw=62, leg=28, leg_x=25, eye=9.5, eye_x=0.41,
        eye_y=-0.02, iris="8a6248 7f5a44 8a6650", muz_w=0.32, muz_h=0.26, muz_y=0.46, nose=9.5,
        nose_color="37323a", tail="none", whiskers=False, special="patches",
    ),
    "tiger": Species(
        FurPath("f3a04a ee9038 e58434", "fff4e2 fff1de fcecd8", "3c2c2c 382828 362830"),
        scale=1.03, hw=60, hh=49, hy=122, flat=0.66, wide=0.2, cheek=0.45, chin=0.62, ear="round",
        ear_len=18, ear_w=18, ear_x=0.74, sw=38, bw=56, leg=27, leg_x=20, eye=10, eye_x=0.43,
        eye_y=-0.06, iris="c8b04a b8b458 d8a440", muz_w=0.42, muz_h=0.33, muz_y=0.46, nose=10,
        nose_color="cf7468", tail="curl", tail_w=17, stripes=1.0, special="brows",
    ),
    "lion": Species(
        FurPath("edbf74 e2ac5c d89c54", "fcebc8 f8e2ba f4dab2", "b0652e 96502a 7c4228"),
        scale=0.98, hw=51, hh=48, hy=124, flat=0.66, wide=0.12, cheek=0.05, chin=0.66, ear="round",
        ear_len=17, ear_w=17, ear_x=0.86, sw=36, bw=54, leg=26, leg_x=19, eye=10, eye_x=0.42,
        eye_y=-0.06, iris="b8803c a8743a c08a40", muz_w=0.46, muz_h=0.36, muz_y=0.46, nose=11,
        nose_color="a05a4c", tail="tuft", tail_w=11, special="mane",
    ),
    "owl": Species(
        FurPath("a88260 8c7058 9a9088", "f2e2c6 eadcc4 f0eae0", "63462f 54402f 5a5452"),
        scale=1.0, hw=59, hh=50, hy=122, flat=0.7, wide=0.1, cheek=0.0, chin=0.8, ear="point",
        ear_len=20, ear_w=34, ear_x=0.72, ear_turn=34, sw=50, bw=52, eye=19, eye_x=0.4,
        eye_y=-0.04, iris="f2b53a f0a838 e8c04a", nose=9, nose_color="eda03c", tail="none",
        whiskers=False, special="wings",
    ),
    "mouse": Species(
        FurPath("b0a8ac a89c98 bfa68e", "ece4e2 eee4de f2e6d6", "74686c 6c605e 80644e"),
        scale=0.9, hw=52, hh=46, hy=100, flat=0.42, wide=0.2, cheek=0.1, chin=0.35, ear="round",
        ear_len=37, ear_w=36, ear_x=0.9, sw=25, bw=46, leg=16, leg_x=12, eye=10, eye_x=0.42,
        eye_y=0.04, iris="4a3a3e 4a3836 54423c", muz_w=0.26, muz_h=0.26, muz_y=0.6, nose=7.5,
        nose_color="ea8c94", tail="thin", tail_w=9,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Mood:
    """A face: signed numbers, zero where the mood leaves the neutral face alone."""

    eye: float = 1.0
    """Size of the open eye; 0 draws a closed lid instead."""
    lid: float = 0.0
    """Curve of the closed lid: -1 hangs (sleepy), +1 arches (happy)."""
    pupil: float = 1.0
    """Size of the iris and pupil in the eye."""
    rim: float = 0.0
    """How far the eye's rim fades into the fur."""
    smile: float = 0.5
    mouth: float = 0.0
    """Opening of the mouth, 0..1."""
    round: float = 0.0
    """Shape of the open mouth: 0 a grin, 1 an o."""
    brow: float = 0.0
    """How far the brows are raised; 0 hides them."""
    blush: float = 0.25
    ears: float = 0.0
    """Degrees the ears turn outwards."""
    droop: float = 0.0
    """Pixels the head sinks."""


MOODS: dict[str | None, Mood] = {
    None: Mood(),
    "sleepy": Mood(eye=0, lid=-1, smile=0.25, ears=9, droop=6, blush=0.3),
    "happy": Mood(eye=0, lid=1, smile=1, mouth=1, blush=0.8, ears=-3, droop=-2),
    "surprised": Mood(
        eye=1.2, pupil=0.7, rim=0.6, smile=0, mouth=0.9, round=1, brow=1, ears=-5, droop=-3
    ),
}
