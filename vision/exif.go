package vision

import (
	"bytes"
	"encoding/binary"
)

// orientation is the EXIF orientation of an image file, 1 (upright) where there is none. Where EXIF data lie: JPEG has
// them in an APP1 segment, PNG in an eXIf chunk, WebP in an EXIF chunk; a TIFF file is EXIF data itself.
func orientation(file []byte) int {
	switch {
	case bytes.HasPrefix(file, []byte("\xff\xd8")):
		return tiffOrientation(jpegExif(file))
	case bytes.HasPrefix(file, []byte("\x89PNG")):
		return tiffOrientation(chunk(file, 8, "eXIf", binary.BigEndian, 12, 4, 0))
	case bytes.HasPrefix(file, []byte("RIFF")):
		return tiffOrientation(bytes.TrimPrefix(chunk(file, 12, "EXIF", binary.LittleEndian, 8, 0, 4), []byte("Exif\x00\x00")))
	case bytes.HasPrefix(file, []byte("II")), bytes.HasPrefix(file, []byte("MM")):
		return tiffOrientation(file)
	}
	return 1
}

// jpegExif is the EXIF data of a JPEG file.
func jpegExif(file []byte) []byte {
	for at := 2; at+4 <= len(file) && file[at] == 0xff; {
		marker, size := file[at+1], int(binary.BigEndian.Uint16(file[at+2:]))
		if marker == 0xff { // fill
			at++
			continue
		}
		if marker == 0xda || size < 2 || at+2+size > len(file) { // the image data begin
			return nil
		}
		if body, ok := bytes.CutPrefix(file[at+4:at+2+size], []byte("Exif\x00\x00")); marker == 0xe1 && ok {
			return body
		}
		at += 2 + size
	}
	return nil
}

// chunk is the body of the first chunk of a name in a PNG or RIFF file. Chunks begin at start; each has overhead bytes
// besides its body, among them its name and size, nameAt and sizeAt bytes after its beginning.
func chunk(file []byte, start int, name string, order binary.ByteOrder, overhead, nameAt, sizeAt int) []byte {
	for at := start; at+8 <= len(file); {
		size := int(order.Uint32(file[at+sizeAt:]))
		if size < 0 || size > len(file)-at-8 {
			return nil
		}
		if string(file[at+nameAt:at+nameAt+4]) == name {
			return file[at+8 : at+8+size]
		}
		at += overhead + size
		if overhead == 8 { // RIFF chunks begin at even places
			at += size & 1
		}
	}
	return nil
}

// tagOrientation is the number of the orientation among TIFF's tags.
const tagOrientation = 0x0112

// tiffOrientation finds the orientation in the first directory of TIFF data.
func tiffOrientation(data []byte) int {
	if len(data) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[0] == 'M' {
		order = binary.BigEndian
	}
	dir := int64(order.Uint32(data[4:]))
	if dir+2 > int64(len(data)) {
		return 1
	}
	for i := range int64(order.Uint16(data[dir:])) {
		at := dir + 2 + 12*i
		if at+12 > int64(len(data)) {
			return 1
		}
		if order.Uint16(data[at:]) == tagOrientation {
			if v := int(order.Uint16(data[at+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}

// upright is the image turned and mirrored as an EXIF orientation asks (EXIF 2.32, tag 0x0112).
func (m *Image) upright(orientation int) *Image {
	if orientation <= 1 {
		return m
	}
	w, h := m.Width, m.Height
	if orientation >= 5 {
		w, h = h, w
	}
	out := NewImage(w, h, m.Channels)
	for y := range h {
		for x := range w {
			sx, sy := x, y
			switch orientation {
			case 2:
				sx = w - 1 - x
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sy = h - 1 - y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, w-1-x
			case 7:
				sx, sy = h-1-y, w-1-x
			case 8:
				sx, sy = h-1-y, x
			}
			copy(out.Pix[(y*w+x)*m.Channels:][:m.Channels], m.Pix[(sy*m.Width+sx)*m.Channels:])
		}
	}
	return out
}
