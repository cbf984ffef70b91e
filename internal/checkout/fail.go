package checkout

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"paylink/internal/page"
	"paylink/internal/pay"
	"paylink/internal/web"
)

// Fail words an error as a page. All unknown links look alike.
func (s *Checkout) Fail(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if status >= http.StatusInternalServerError {
		s.log(r, err)
	}
	var e *pay.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	title, text := "Something went wrong", noticeOf(err)
	switch status {
	case http.StatusNotFound:
		title, text = "We cannot find this payment link", "Check that the whole address was copied, or ask whoever sent it for a new link."
	case http.StatusForbidden:
		title, text = "This form came from another site", "Nothing was charged. Open the payment link itself and try again from there."
	case http.StatusTooManyRequests:
		title, text = "Please slow down", "There were too many requests from your network. Wait a minute and try again."
	}
	page.SetHeaders(w.Header())
	ctx := context.WithoutCancel(r.Context()) // it may be the end of it that is told of
	if err := page.Write(ctx, w, r, status, errorPage(page.Shell{Title: title, Style: style}, title, text)); err != nil {
		s.log(r, err)
		http.Error(w, title, status)
	}
}

func (s *Checkout) log(r *http.Request, err error) {
	s.opts.Log.Error("checkout", "request_id", web.RequestID(r), "error", err)
}

// statusOf is the status of a page that tells of err; a deadline that passed is
// no fault of ours that somebody must look at.
func statusOf(err error) int {
	switch web.ErrorOf(err).Kind {
	case pay.Invalid, pay.Refused:
		return http.StatusUnprocessableEntity
	case pay.NotFound, pay.Unauthorized:
		return http.StatusNotFound
	case pay.Forbidden:
		return http.StatusForbidden
	case pay.Conflict, pay.KeyReused, pay.KeyBusy:
		return http.StatusConflict
	case pay.TooMany:
		return http.StatusTooManyRequests
	case pay.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// noticeOf says to a payer what stood in the way. It never shows a detail
// that was written for the merchant's developers.
func noticeOf(err error) string {
	switch pay.KindOf(err) {
	case pay.Invalid:
		return "Please correct what is marked below. Nothing was charged."
	case pay.Refused:
		return "This payment was not accepted. Try another way to pay."
	case pay.Conflict, pay.KeyReused, pay.KeyBusy:
		if errors.Is(err, pay.ErrTaken) {
			return "Another payment is being made on this link. Nothing was charged by this try."
		}
		if errors.Is(err, pay.ErrTotal) {
			return "The total below is what you chose now, and not what was shown before. Please check it, then pay. Nothing was charged by this try."
		}
		return "This payment request has changed. Please check it before you go on. Nothing was charged by this try."
	case pay.TooMany:
		return "There were too many tries in a short time. Nothing was charged by this one. Please wait a minute and try again."
	case pay.Unavailable:
		return "This way to pay cannot be reached at the moment. Please try again in a minute, or choose another."
	}
	return "We could not finish this just now. Look at how the payment stands on its page before you try again."
}

// fieldText says what is wrong with one input.
func fieldText(f pay.Field) string {
	switch f.Code {
	case "required":
		return "Please fill this in."
	case "too_small":
		return "This is less than may be paid here."
	case "too_large":
		return "This is more than may be paid here."
	case "too_precise":
		return "This has too many decimals."
	}
	return "Please check this."
}
