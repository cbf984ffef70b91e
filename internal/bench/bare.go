package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
)

// serveBare is the reference process: net/http with a handler that writes the
// answer in a file and does nothing else. args are its address and the file.
func serveBare(args []string) error {
	if len(args) != 2 {
		return errors.New(bareCommand + " takes an address and a file")
	}
	handler, err := bareHandler(args[1])
	if err != nil {
		return err
	}
	return http.ListenAndServe(args[0], handler)
}

func bareHandler(path string) (http.Handler, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	answer, err := http.ReadResponse(bufio.NewReader(file), nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Header.Del("Date") // net/http writes its own
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		for name, values := range answer.Header {
			h[name] = values
		}
		w.Write(body) // the caller has gone
	}), nil
}
