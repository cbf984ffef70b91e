package pay

import (
	"fmt"
	"time"
)

// Channel is a way to reach people.
type Channel string

// The channels.
const (
	ChannelEmail Channel = "email"
	ChannelSMS   Channel = "sms"
)

// ShareCause is why a link is to be sent.
type ShareCause string

// The causes.
const (
	ShareCreated   ShareCause = "created"   // a flag at creation
	ShareScheduled ShareCause = "scheduled" // a time set at creation
	ShareReminder  ShareCause = "reminder"
	ShareAsked     ShareCause = "asked"  // the merchant named recipients
	ShareResent    ShareCause = "resent" // the merchant asked again, for the payer on file
)

// Share is a wish to send a link to people. It is stored with one message for
// each recipient and channel and never changes; what becomes of a message is
// the message's own matter.
type Share struct {
	ID           ShareID     `json:"id"`
	Link         LinkID      `json:"link"`
	Cause        ShareCause  `json:"cause"`
	At           time.Time   `json:"at"`                // when it was asked for
	DueAt        time.Time   `json:"due_at"`            // when it is to go out
	Message      string      `json:"message,omitempty"` // the merchant's words
	MerchantCopy bool        `json:"merchant_copy,omitempty"`
	Recipients   []Recipient `json:"recipients"`
}

// Recipient is a person a link is sent to. A message goes by e-mail, SMS or
// both, as the addresses that are set.
type Recipient struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// Message is one message of a share on its way to one address.
type Message struct {
	Share   ShareID
	Number  int64 // 1, 2, … within the share
	Channel Channel
	State   MessageState
	Name    string
	Address string // an e-mail address or a phone number; empty: the merchant's own, on file
	DueAt   time.Time
}

// MessageState is how far a message is.
type MessageState string

// MessageKept is the state of every message while no channel delivers: it was
// asked for and noted, and is not sent unless the merchant asks again.
const MessageKept MessageState = "kept"

// Limits of a share.
const (
	maxRecipients   = 20
	maxShareMessage = 2000
)

// Validate checks the words and recipients of a share.
// Errors: Invalid (recipients, message), card_data_not_accepted.
func (s Share) Validate() error {
	var bad Faults
	if len(s.Recipients) == 0 || len(s.Recipients) > maxRecipients {
		bad.Add("recipients", "out_of_range", "must be from 1 to 20")
	}
	if len([]rune(s.Message)) > maxShareMessage || !CleanText(s.Message, true) {
		bad.Add("message", "invalid_text", "must be at most 2000 characters of plain text")
	}
	for i, r := range s.Recipients {
		if !CleanText(r.Name, false) || len([]rune(r.Name)) > maxPerson {
			bad.Add(fmt.Sprintf("recipients[%d].name", i), "invalid_text", "must be plain text of at most 255 characters")
		}
		if r.Email != "" && !ValidEmail(r.Email) {
			bad.Add(fmt.Sprintf("recipients[%d].email", i), "invalid_email", "must be an e-mail address")
		}
		if !CleanText(r.Phone, false) || len(r.Phone) > 40 {
			bad.Add(fmt.Sprintf("recipients[%d].phone", i), "invalid_phone", "must be a phone number")
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	if HasCardNumber(s.Message) {
		return ErrCard("message")
	}
	for i, r := range s.Recipients {
		if HasCardNumber(r.Name) {
			return ErrCard(fmt.Sprintf("recipients[%d].name", i))
		}
	}
	return nil
}

// Messages are the messages of a share: one for each recipient and channel,
// and one to the merchant where a copy is wanted.
func (s Share) Messages() (list []Message) {
	add := func(c Channel, name, address string) {
		list = append(list, Message{
			Share: s.ID, Number: int64(len(list) + 1), Channel: c, State: MessageKept, Name: name, Address: address, DueAt: s.DueAt,
		})
	}
	for _, r := range s.Recipients {
		if r.Email != "" {
			add(ChannelEmail, r.Name, r.Email)
		}
		if r.Phone != "" {
			add(ChannelSMS, r.Name, r.Phone)
		}
	}
	if s.MerchantCopy {
		add(ChannelEmail, "", "")
	}
	return list
}
