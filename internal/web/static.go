package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

//go:embed static vendored/pico/pico.min.css vendored/htmx/htmx.min.js
var files embed.FS

// asset is one file that pages refer to.
type asset struct {
	mime    string
	content []byte
	gzipped []byte
}

// assets by the name in their address, which holds a hash of the content: a
// changed file has a new address, so browsers may keep what they have for ever.
// addresses finds the address by the file's plain name.
var assets, addresses = readAssets()

var mimes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func readAssets() (map[string]asset, map[string]string) {
	assets, addresses := map[string]asset{}, map[string]string{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		base, extension := path.Base(name), path.Ext(name)
		hashed := strings.TrimSuffix(base, extension) + "." + hex.EncodeToString(sum[:6]) + extension
		assets[hashed] = asset{mime: mimes[extension], content: content, gzipped: compress(content)}
		addresses[base] = "/static/" + hashed
		return nil
	})
	if err != nil {
		panic("web: the embedded files cannot be read: " + err.Error()) // a broken build
	}
	return assets, addresses
}

func compress(content []byte) []byte {
	var buffer bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&buffer, gzip.BestCompression) // a level that exists
	_, _ = writer.Write(content)                                    // into memory
	_ = writer.Close()
	return buffer.Bytes()
}

// static serves an embedded file. Files hold no secret, so compressing them
// tells nothing; pages are never compressed, because they do.
func (s *Site) static(c echo.Context) error {
	file, ok := assets[c.Param("file")]
	if !ok {
		return echo.ErrNotFound
	}
	header := c.Response().Header()
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Vary", "Accept-Encoding")
	content := file.content
	if strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		content = file.gzipped
	}
	return c.Blob(http.StatusOK, file.mime, content)
}
