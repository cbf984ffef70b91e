package web

import "net/http"

// wayValue is the path value in which the router notes how a caller came.
const wayValue = "paylink-way"

// SetWay notes how r came to an API that is spoken in several places: the
// prefix it was found under, or the scheme and host of its own.
func SetWay(r *http.Request, way string) { r.SetPathValue(wayValue, way) }

// Base is what absolute addresses in an answer to r begin with, so that they
// can be followed as they are: our public URL with the prefix the caller used,
// or the API's own host. It never repeats the Host header.
func Base(public string, r *http.Request) string {
	way := r.PathValue(wayValue)
	if way == "" || way[0] == '/' {
		return public + way
	}
	return way
}
