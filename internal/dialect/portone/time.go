package portone

import (
	"time"

	"paylink/internal/pay"
)

// parseTime reads RFC 3339 with or without a fraction.
func parseTime(s string) (time.Time, bool) {
	if len(s) > 64 {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t.UTC().Truncate(time.Microsecond), true
}

// The forms of times on this wire.

// wireTime is RFC 3339 in UTC with microseconds.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// textTime is the text form of a Go time, which payment and refund webhooks have.
func textTime(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05.999999999 -0700 MST")
}

const notATime = "must be an RFC 3339 time such as 2026-12-01T00:00:00.000Z"

// expiry is when the link ends; zero: never. The date wins over the hours,
// which count from its creation (sheet 6.3).
func (in *linkIn) expiry(now, created time.Time) (time.Time, error) {
	hours, ok := in.ExpiryHours.whole()
	if !ok || hours < 0 || hours > maxHours {
		return time.Time{}, invalid("expiry_hours", "must be a whole number from 0 to 87600")
	}
	if in.ExpiryDate == "" {
		if hours == 0 {
			return time.Time{}, nil
		}
		return created.Add(time.Duration(hours) * time.Hour), nil
	}
	t, ok := parseTime(in.ExpiryDate)
	if !ok {
		return t, invalid("expiry_date", notATime)
	}
	if !t.After(now) {
		return t, invalid("expiry_date", "must be in the future")
	}
	return t, nil
}

// schedule is when the notice goes out; zero: not said.
func (in *linkIn) schedule(expires time.Time) (time.Time, error) {
	if in.ScheduledDate == "" {
		return time.Time{}, nil
	}
	t, ok := parseTime(in.ScheduledDate)
	if !ok {
		return t, invalid("scheduled_date", notATime)
	}
	if !expires.IsZero() && t.After(expires) {
		return t, invalid("scheduled_date", "must not be after expiry_date")
	}
	return t, nil
}

// units of reminder_time; the create page uses the plural, the update page the
// singular.
var units = map[string]time.Duration{"hour": time.Hour, "hours": time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour}

// reminder is when the reminder goes out; zero: there is none.
func (in *linkIn) reminder(expires time.Time) (time.Time, error) {
	n, ok := in.ReminderTime.whole()
	if !ok || n < 0 || n > maxHours {
		return time.Time{}, invalid("reminder_time", "must be a whole number of at least 0")
	}
	unit, known := units[in.ReminderUnit]
	if in.ReminderUnit == "" {
		unit, known = time.Hour, true
	}
	if !known {
		return time.Time{}, invalid("reminder_time_unit", "must be hour, hours, day or days")
	}
	if n == 0 || expires.IsZero() {
		return time.Time{}, nil
	}
	return expires.Add(-time.Duration(n) * unit), nil
}

// shares are the notices to be stored with a new link (sheet 6.5).
func (in *linkIn) shares(now, expires time.Time) (list []pay.Share) {
	to, ok := in.recipient()
	if !ok {
		return nil
	}
	add := func(cause pay.ShareCause, at time.Time) {
		list = append(list, pay.Share{Cause: cause, DueAt: at, Recipients: []pay.Recipient{to}})
	}
	at, _ := in.schedule(expires)
	switch {
	case in.SendNow != nil && *in.SendNow, in.SendNow == nil && at.IsZero():
		add(pay.ShareCreated, now)
	case !at.IsZero():
		add(pay.ShareScheduled, at)
	}
	if at, _ := in.reminder(expires); at.After(now) {
		add(pay.ShareReminder, at)
	}
	return list
}
