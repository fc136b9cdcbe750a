package twilio

import (
	"context"
	"net/http"
	"net/mail"
	"net/url"
	"time"
	"unicode/utf8"

	api "github.com/twilio/twilio-go/rest/api/v2010"
)

// Limits of Twilio's for a text and for the list of texts (twilio.md §6).
const (
	maxBodyRunes  = 1600
	pageSize      = 100
	maxPages      = 10
	shortValidity = time.Second
	longValidity  = 10 * time.Hour
)

// SMS is a text to send, from a number of ours or by a messaging service: exactly one of the two is
// set.
type SMS struct {
	To                  string
	From                string
	MessagingServiceSID string
	Body                string
	StatusCallback      string
	ValidityPeriod      time.Duration // in Twilio's queue; 0 = Twilio's default, 10 hours
}

// SentMessage is Twilio's answer to a create.
type SentMessage struct {
	SID    string
	Status MessageStatus
}

// Message is a text as Twilio stores it.
// CreatedAt is the create's instant at Twilio, to the second.
type Message struct {
	SID        string
	To, From   string // From may still be empty for a text sent by a service
	ServiceSID string
	Body       string // smart encoding may have changed it
	Status     MessageStatus
	ErrorCode  int
	CreatedAt  time.Time
}

// SendSMS asks Twilio to send a text, once, and returns its SID. After an Error of kind Unknown it
// may have been sent: look with FindMessages before sending again.
// Error kinds: Refused, the number or the words; Misconfigured, our request or account; RateLimited and
// Unreachable, not processed.
func (c *Client) SendSMS(ctx context.Context, m SMS) (SentMessage, error) {
	const op = "send text"
	if err := m.check(op); err != nil {
		return SentMessage{}, err
	}
	// No MediaUrl, no schedule: what is sent goes now, and as these words.
	params := &api.CreateMessageParams{To: &m.To, Body: &m.Body, StatusCallback: &m.StatusCallback}
	if m.From != "" {
		params.SetFrom(m.From)
	} else {
		params.SetMessagingServiceSid(m.MessagingServiceSID)
	}
	if m.ValidityPeriod != 0 {
		params.SetValidityPeriod(int(m.ValidityPeriod / time.Second))
	}
	var sent SentMessage
	err := c.do(ctx, op, func(s services) error {
		created, err := s.api.CreateMessage(params)
		if err != nil {
			return err
		}
		sent = SentMessage{SID: deref(created.Sid), Status: MessageStatus(deref(created.Status))}
		if !sidShape.MatchString(sent.SID) {
			return errIncompleteReply(op, http.StatusOK) // an empty or foreign 2xx
		}
		return nil
	})
	if err != nil {
		return SentMessage{}, err
	}
	return sent, nil
}

// check refuses a text that Twilio would refuse, before it is sent.
// What is wrong with the number is the number's trouble, everything else is ours.
func (m SMS) check(op string) error {
	callback, err := url.Parse(m.StatusCallback)
	switch {
	case !e164Shape.MatchString(m.To):
		return errNotSent(op, Refused, WrongNumber)
	case m.Body == "", !utf8.ValidString(m.Body), utf8.RuneCountInString(m.Body) > maxBodyRunes,
		(m.From == "") == (m.MessagingServiceSID == ""),
		// Without a callback that carries our reference an unknown create could not be told apart.
		err != nil, callback.Host == "", callback.Scheme != "https" && callback.Scheme != "http",
		m.ValidityPeriod != 0 && (m.ValidityPeriod < shortValidity || m.ValidityPeriod > longValidity):
		return errNotSent(op, Misconfigured, AccountTrouble)
	}
	return nil
}

// FetchMessage returns a text by its SID.
// A SID that Twilio does not know is an Error of kind Refused.
func (c *Client) FetchMessage(ctx context.Context, sid string) (Message, error) {
	const op = "fetch text"
	if !sidShape.MatchString(sid) { // twilio-go puts it into the path as it is
		return Message{}, errNotSent(op, Refused, "")
	}
	var found Message
	err := c.do(ctx, op, func(s services) error {
		m, err := s.api.FetchMessage(sid, nil)
		if err != nil {
			return err
		}
		if found = message(m); found.SID != sid {
			return errIncompleteReply(op, http.StatusOK)
		}
		return nil
	})
	if err != nil {
		return Message{}, err
	}
	return found, nil
}

// FindMessages returns the texts to a number (E.164) that Twilio created at or after an instant, to
// find out about a create whose answer was lost: compare body and sender (twilio.md §6). All pages
// are read, because Twilio filters and orders by the day of sending only, which a text still queued
// does not have yet. More than can be read is an Error of kind Unknown, never a short list.
// An error in the middle loses what was found before: half a list proves nothing.
func (c *Client) FindMessages(ctx context.Context, to string, since time.Time) ([]Message, error) {
	const op = "find texts"
	if !e164Shape.MatchString(to) {
		return nil, errNotSent(op, Refused, WrongNumber)
	}
	var found []Message
	token, page := "", ""
	// 1,000 texts to one number are more than any look-up should need.
	for range maxPages {
		var list *api.ListMessageResponse
		err := c.do(ctx, op, func(s services) (err error) {
			size := pageSize
			list, err = s.api.PageMessage(&api.ListMessageParams{To: &to, PageSize: &size}, token, page)
			return err
		})
		if err != nil {
			return nil, err
		}
		if list.Messages == nil && list.PageSize == 0 && list.Uri == "" {
			return nil, errIncompleteReply(op, http.StatusOK) // not a list: finding nothing in it would prove nothing
		}
		for i := range list.Messages {
			// An instant that does not parse is kept: leaving it out might send a text twice.
			if m := message(&list.Messages[i]); m.To == to && (m.CreatedAt.IsZero() || !m.CreatedAt.Before(since)) {
				found = append(found, m)
			}
		}
		if token, page = nextPage(list.NextPageUri); token == "" && page == "" {
			return found, nil
		}
	}
	return nil, errIncompleteReply(op, http.StatusOK) // more than we read: "not found" would be a guess
}

// nextPage returns the two values of a list's address of the next page; both empty on the last. An address
// that does not parse ends the list.
func nextPage(uri *string) (token, page string) {
	u, err := url.Parse(deref(uri))
	if err != nil {
		return "", ""
	}
	return u.Query().Get("PageToken"), u.Query().Get("Page")
}

// message reads twilio-go's record. An instant that does not parse is zero.
func message(m *api.ApiV2010Message) Message {
	created, err := mail.ParseDate(deref(m.DateCreated)) // RFC 2822
	if err != nil {
		created = time.Time{}
	}
	return Message{
		SID: deref(m.Sid), To: deref(m.To), From: deref(m.From), ServiceSID: deref(m.MessagingServiceSid),
		Body: deref(m.Body), Status: MessageStatus(deref(m.Status)), ErrorCode: deref(m.ErrorCode), CreatedAt: created,
	}
}
