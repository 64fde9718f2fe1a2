package idms

import (
	"bytes"
	"image"
	"image/color"
	_ "image/gif"  // read by image.Decode
	_ "image/jpeg" // read by image.Decode
	"image/png"

	"idms/internal/fault"
)

// The sizes of a button's icon.
const (
	MaxIconUpload = 256 << 10 // bytes, as sent to us
	MaxIcon       = 128 << 10 // bytes, as kept: 128 × 128 pixels and change
	IconSide      = 128       // pixels, as kept
	maxPixels     = 4 << 20   // as sent to us; a small file can hold a huge picture
)

// ParseIcon turns an uploaded PNG, JPEG or GIF into the PNG that a record
// keeps: at most IconSide pixels wide and high. The picture is drawn anew, so
// that nothing else in the file, a script for instance, is ever served from
// this service's origin; SVG is refused for the same reason.
func ParseIcon(upload []byte) ([]byte, error) {
	if len(upload) > MaxIconUpload {
		return nil, fault.New(fault.Invalid, "The icon has %d bytes; at most %d are possible.", len(upload), MaxIconUpload)
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(upload))
	if err != nil {
		return nil, fault.Hide(err, fault.Invalid, "The icon is no PNG, JPEG or GIF picture.")
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return nil, fault.New(fault.Invalid, "The icon is %d × %d pixels; choose a smaller picture.", config.Width, config.Height)
	}
	picture, _, err := image.Decode(bytes.NewReader(upload))
	if err != nil {
		return nil, fault.Hide(err, fault.Invalid, "The icon is damaged.")
	}

	var icon bytes.Buffer
	if err := png.Encode(&icon, shrink(picture, IconSide)); err != nil {
		return nil, fault.Hide(err, fault.Internal, "The icon could not be kept.")
	}
	return icon.Bytes(), nil
}

// shrink fits a picture into a square. Each pixel of the result is the mean of
// those it stands for; a picture that fits is copied as it is.
func shrink(from image.Image, side int) *image.NRGBA {
	box := from.Bounds()
	width, height := box.Dx(), box.Dy()
	if longest := max(width, height); longest > side {
		width, height = max(1, width*side/longest), max(1, height*side/longest)
	}

	to := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		top, bottom := box.Min.Y+y*box.Dy()/height, box.Min.Y+(y+1)*box.Dy()/height
		for x := range width {
			left, right := box.Min.X+x*box.Dx()/width, box.Min.X+(x+1)*box.Dx()/width
			to.Set(x, y, mean(from, image.Rect(left, top, right, bottom)))
		}
	}
	return to
}

// mean weighs colours by their opacity, as RGBA gives them.
func mean(of image.Image, area image.Rectangle) color.Color {
	var r, g, b, a uint64
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			pr, pg, pb, pa := of.At(x, y).RGBA()
			r, g, b, a = r+uint64(pr), g+uint64(pg), b+uint64(pb), a+uint64(pa)
		}
	}
	n := uint64(area.Dx() * area.Dy())
	return color.RGBA64{uint16(r / n), uint16(g / n), uint16(b / n), uint16(a / n)}
}
