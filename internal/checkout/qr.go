package checkout

import (
	"fmt"
	"net/http"
	"strconv"

	qrcode "github.com/piglig/go-qr"

	"paylink/internal/page"
)

// The QR code's size: pixels per module, and the quiet zone in modules.
const (
	qrScale  = 8
	qrBorder = 4
)

// qrSVG and qrPNG show a QR code that says exactly the address of the page.
func (s *Checkout) qrSVG(w http.ResponseWriter, r *http.Request) error {
	return s.qr(w, r, "image/svg+xml", func(code *qrcode.QrCode) ([]byte, error) {
		return code.ToSVGBytes(qrcode.NewQrCodeImgConfig(qrScale, qrBorder, qrcode.WithOptimalSVG()))
	})
}

func (s *Checkout) qrPNG(w http.ResponseWriter, r *http.Request) error {
	return s.qr(w, r, "image/png", func(code *qrcode.QrCode) ([]byte, error) {
		return code.ToPNGBytes(qrcode.NewQrCodeImgConfig(qrScale, qrBorder))
	})
}

func (s *Checkout) qr(w http.ResponseWriter, r *http.Request, kind string, draw func(*qrcode.QrCode) ([]byte, error)) error {
	pv, err := s.open(r, false)
	if err != nil {
		return err
	}
	code, err := qrcode.EncodeText(s.payURL(pv.Link), qrcode.Medium)
	if err != nil {
		return fmt.Errorf("encoding a QR code: %w", err)
	}
	body, err := draw(code)
	if err != nil {
		return fmt.Errorf("drawing a QR code: %w", err)
	}
	page.SetHeaders(w.Header())
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // the browser has gone
	return nil
}
