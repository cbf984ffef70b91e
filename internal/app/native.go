package app

import (
	"bytes"
	"fmt"
	"time"

	"github.com/goccy/go-yaml"

	"paylink/internal/api"
	"paylink/internal/core"
	"paylink/internal/pay"
)

// ReadLink says a new link in our words that is written as the native API's
// body of POST /v1/payment_links, in JSON or YAML. Both have the same members,
// rules and errors. Errors: Invalid with every field at fault.
func ReadLink(text []byte, mode pay.Mode) (core.CreateLink, error) {
	body, err := JSONOf(text)
	if err != nil {
		return core.CreateLink{}, err
	}
	return api.ReadLink(body, mode, time.Now())
}

// JSONOf is text if that is a JSON object, and else the JSON of the YAML it is
// taken for.
func JSONOf(text []byte) ([]byte, error) {
	if text = bytes.TrimSpace(text); len(text) == 0 || text[0] == '{' {
		return text, nil
	}
	body, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, fmt.Errorf("neither JSON nor YAML:\n%s", yaml.FormatError(err, false, true))
	}
	return body, nil
}

// WordPayment is a payment as the native API tells it, in JSON.
func WordPayment(p pay.Payment) ([]byte, error) { return api.WordPayment(p) }
