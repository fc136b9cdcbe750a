package twilio

// Encodings of a text message.
const (
	GSM7 = "GSM-7"
	UCS2 = "UCS-2"
)

// The GSM 7-bit default alphabet (3GPP TS 23.038), without national tables, and its extension
// table, whose characters take an escape and so two units.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// gsmWidths maps each character to its units: 1 or 2; 0 for one that GSM-7 lacks.
var gsmWidths = func() map[rune]int {
	widths := map[rune]int{}
	for _, r := range gsmBasic {
		widths[r] = 1
	}
	for _, r := range gsmExtension {
		widths[r] = 2
	}
	return widths
}()

// Segments returns the encoding of a text exactly as given, its length in units of that encoding, and how
// many segments it is sent and paid as (N7: one GSM-7 segment in English). One character outside GSM-7 turns
// the whole text into UCS-2. A pair of units (escape or surrogate) never straddles two segments. encoding is
// GSM7 or UCS2. An empty text has no segment. Characters are counted as they come, so compose to NFC first
// (N7: NFC before measuring).
func Segments(text string) (encoding string, units, segments int) {
	encoding, single, multi := GSM7, 160, 153
	width := gsmWidth
	for _, r := range text {
		if gsmWidth(r) == 0 {
			encoding, single, multi = UCS2, 70, 67
			width = ucsWidth
			break
		}
	}
	for _, r := range text {
		units += width(r)
	}
	switch {
	case units == 0:
		return encoding, 0, 0
	case units <= single:
		return encoding, units, 1
	}
	// Longer texts lose units of each segment to the header that joins them: 153 and 67 are left.
	segments, filled := 1, 0
	for _, r := range text {
		w := width(r)
		// The pair does not fit into what is left: the segment stays one unit short.
		if filled+w > multi {
			segments++
			filled = 0
		}
		filled += w
	}
	return encoding, units, segments
}

// gsmWidth returns a character's units in GSM-7, 0 if it has none.
func gsmWidth(r rune) int { return gsmWidths[r] }

// ucsWidth returns a character's units in UCS-2: 2 beyond the basic plane, as emoji are.
func ucsWidth(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}
