package idms

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"idms/internal/fault"
)

func TestAnIconIsDrawnAnew(t *testing.T) {
	picture := image.NewPaletted(image.Rect(0, 0, 300, 150), color.Palette{color.White, color.RGBA{200, 30, 30, 255}})
	for x := range 150 {
		for y := range 150 {
			picture.SetColorIndex(x, y, 1)
		}
	}
	var asPNG, asJPEG, asGIF bytes.Buffer
	for _, err := range []error{png.Encode(&asPNG, picture), jpeg.Encode(&asJPEG, picture, nil), gif.Encode(&asGIF, picture, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	asPNG.WriteString("<script>alert(1)</script>")

	for name, upload := range map[string][]byte{"PNG": asPNG.Bytes(), "JPEG": asJPEG.Bytes(), "GIF": asGIF.Bytes()} {
		icon, err := ParseIcon(upload)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		drawn, err := png.Decode(bytes.NewReader(icon))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if size := drawn.Bounds().Size(); size != image.Pt(128, 64) {
			t.Errorf("%s: %v", name, size)
		}
		if r, _, _, _ := drawn.At(10, 32).RGBA(); r>>8 < 190 || r>>8 > 210 {
			t.Errorf("%s: the left half is not red: %v", name, drawn.At(10, 32))
		}
		if strings.Contains(string(icon), "script") {
			t.Errorf("%s: what stood behind the picture is still there", name)
		}
		if !isOurIcon(icon) {
			t.Errorf("%s: Check refuses what ParseIcon made", name)
		}
		if again, err := ParseIcon(icon); err != nil || !bytes.Equal(again, icon) {
			t.Errorf("%s: an icon changes when it is read again: %v", name, err)
		}
	}
}

func TestATransparentEdgeKeepsItsColour(t *testing.T) {
	picture := image.NewNRGBA(image.Rect(0, 0, 256, 256))
	for y := range 256 {
		for x := range 256 {
			if (x+y)%2 == 0 {
				picture.SetNRGBA(x, y, color.NRGBA{255, 0, 0, 255})
			}
		}
	}
	got := color.NRGBAModel.Convert(shrink(picture, IconSide).At(5, 5)).(color.NRGBA)
	if got.R != 255 || got.G != 0 || got.A < 126 || got.A > 128 {
		t.Errorf("half red and half nothing became %v, not half-transparent red", got)
	}
}

func TestWhatIsNoIconIsRefused(t *testing.T) {
	var huge bytes.Buffer
	if err := png.Encode(&huge, image.NewGray(image.Rect(0, 0, 5000, 5000))); err != nil {
		t.Fatal(err)
	}
	if huge.Len() > MaxIconUpload {
		t.Fatal("the bomb is too large to prove anything")
	}
	var small bytes.Buffer
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, upload, want string
	}{
		{"nothing", "", "no PNG, JPEG or GIF"},
		{"a script in SVG", "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "no PNG, JPEG or GIF"},
		{"a small file that unfolds to a huge picture", huge.String(), "5000 × 5000"},
		{"a file over the limit", strings.Repeat("x", MaxIconUpload+1), "at most"},
		{"half a picture", small.String()[:small.Len()-20], "damaged"},
	} {
		icon, err := ParseIcon([]byte(tt.upload))
		if icon != nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Sentence(err), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzParseIcon(f *testing.F) {
	var small bytes.Buffer
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 9, 300))); err != nil {
		f.Fatal(err)
	}
	f.Add(small.Bytes())
	f.Add([]byte("GIF89a\x01\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, upload []byte) {
		if icon, err := ParseIcon(upload); err == nil && !isOurIcon(icon) {
			t.Error("accepted, and refused by Check")
		}
	})
}

// A document may bring an icon that no upload has drawn.
func TestAnIconThatIsMoreThanAPictureIsRefused(t *testing.T) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	icon := picture.Bytes()
	end := len(icon) - 12 // of IEND, which is empty
	text := []byte("\x00\x00\x00\x08tEXt<script>xxxx")
	for name, other := range map[string][]byte{
		"with something behind it": append(bytes.Clone(icon), "<script>"...),
		"with a text in it":        append(append(bytes.Clone(icon[:end]), text...), icon[end:]...),
		"without its end":          icon[:end],
		"that is cut":              icon[:end-3],
	} {
		if isOurIcon(other) {
			t.Errorf("a picture %s is taken", name)
		}
	}
	if !isOurIcon(icon) {
		t.Error("a picture alone is refused")
	}
}
