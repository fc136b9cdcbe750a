package twilio_test

import (
	"encoding/csv"
	"os"
	"strconv"
	"testing"

	"duebell/internal/twilio"
)

func TestSegmentsVectors(t *testing.T) {
	f, err := os.Open("../../testdata/vectors/sms_segments.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 50 {
		t.Fatalf("only %d vectors", len(rows))
	}
	for _, row := range rows[1:] {
		encoding, units, segments := twilio.Segments(row[1])
		got := []string{encoding, strconv.Itoa(units), strconv.Itoa(segments)}
		for i, want := range row[2:5] {
			if got[i] != want {
				t.Errorf("%s (%s): got %v, want %v", row[0], row[5], got, row[2:5])
				break
			}
		}
	}
}

func BenchmarkSegments(b *testing.B) {
	text := "Health Connector payment reminder: your bill is due Wed 12/23 by 5 PM ET. Pay 24/7 at 1-877-623-6765 or reply PAY for a call. STOP to opt out, HELP for help."
	for b.Loop() {
		twilio.Segments(text)
	}
}
