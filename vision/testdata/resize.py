#!/usr/bin/env python3
"""Writes gradient.png, gradient.webp and Pillow's resizes of the former, which the tests compare with. Needs Pillow."""
from PIL import Image

def gradient(w, h):
    m = Image.new("RGB", (w, h))
    for y in range(h):
        for x in range(w):
            r, g, b = x * 255 // max(w - 1, 1), y * 255 // max(h - 1, 1), (x * 7 + y * 13) % 256
            m.putpixel((x, y), (r, 255 - g if (x // 5 + y // 3) % 4 == 0 else g, b))
    return m

gradient(12, 9).save("gradient.webp", lossless=True)
m = gradient(61, 43)
m.save("gradient.png")
for name in ("nearest", "box", "bilinear", "bicubic", "lanczos"):
    for w, h in ((20, 14), (7, 43), (61, 5), (130, 90), (1, 1), (60, 44)):
        m.resize((w, h), getattr(Image.Resampling, name.upper())).save(f"resize_{name}_{w}x{h}.png")
