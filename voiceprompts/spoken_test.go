package voiceprompts

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"duebell/billing"
)

func TestMoney(t *testing.T) {
	for _, tt := range []struct {
		cents                    int64
		en, enExact, es, esExact string
	}{
		{0, "0 dollars", "0 dollars and 0 cents", "0 dólares", "0 dólares con 0 centavos"},
		{1, "1 cent", "1 cent", "1 centavo", "1 centavo"},
		{37, "37 cents", "37 cents", "37 centavos", "37 centavos"},
		{100, "1 dollar", "1 dollar and 0 cents", "1 dólar", "1 dólar con 0 centavos"},
		{101, "1 dollar and 1 cent", "1 dollar and 1 cent", "1 dólar con 1 centavo", "1 dólar con 1 centavo"},
		{201, "2 dollars and 1 cent", "2 dollars and 1 cent", "2 dólares con 1 centavo", "2 dólares con 1 centavo"},
		{10000, "100 dollars", "100 dollars and 0 cents", "100 dólares", "100 dólares con 0 centavos"},
		{19800, "198 dollars", "198 dollars and 0 cents", "198 dólares", "198 dólares con 0 centavos"},
		{19850, "198 dollars and 50 cents", "198 dollars and 50 cents", "198 dólares con 50 centavos", "198 dólares con 50 centavos"},
		{9999999, "99999 dollars and 99 cents", "99999 dollars and 99 cents", "99999 dólares con 99 centavos", "99999 dólares con 99 centavos"},
		{-8820, "88 dollars and 20 cents", "88 dollars and 20 cents", "88 dólares con 20 centavos", "88 dólares con 20 centavos"},
	} {
		check(t, "Money en", tt.cents, Money("en", tt.cents), tt.en)
		check(t, "MoneyExact en", tt.cents, MoneyExact("en", tt.cents), tt.enExact)
		check(t, "Money es", tt.cents, Money("es", tt.cents), tt.es)
		check(t, "MoneyExact es", tt.cents, MoneyExact("es", tt.cents), tt.esExact)
	}
}

// M7: the read-backs that the rule book's vectors spell out.
func TestReadBackVectors(t *testing.T) {
	file, err := os.Open("../testdata/vectors/amount_entry.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cents, words := slices.Index(rows[0], "result_cents"), slices.Index(rows[0], "read_back_en")
	checked := 0
	for _, row := range rows[1:] {
		if row[words] == "" {
			continue
		}
		n, err := strconv.ParseInt(row[cents], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		check(t, row[0], n, MoneyExact("en", n), row[words])
		checked++
	}
	if checked == 0 {
		t.Error("the vectors hold no read-back")
	}
}

func TestDays(t *testing.T) {
	for _, tt := range []struct {
		date                                 string
		enDay, enShort, enFull               string
		esDay, esShort, esFull, enMon, esMon string
	}{
		{
			"2027-02-23", "Tuesday, February 23rd", "February 23rd", "Tuesday, February 23rd, 2027",
			"el martes 23 de febrero", "23 de febrero", "martes 23 de febrero de 2027", "February", "febrero",
		},
		{
			"2026-03-23", "Monday, March 23rd", "March 23rd", "Monday, March 23rd, 2026",
			"el lunes 23 de marzo", "23 de marzo", "lunes 23 de marzo de 2026", "March", "marzo",
		},
		{
			"2028-01-01", "Saturday, January 1st", "January 1st", "Saturday, January 1st, 2028",
			"el sábado primero de enero", "primero de enero", "sábado primero de enero de 2028", "January", "enero",
		},
		{
			"2028-02-29", "Tuesday, February 29th", "February 29th", "Tuesday, February 29th, 2028",
			"el martes 29 de febrero", "29 de febrero", "martes 29 de febrero de 2028", "February", "febrero",
		},
		{
			"2027-12-22", "Wednesday, December 22nd", "December 22nd", "Wednesday, December 22nd, 2027",
			"el miércoles 22 de diciembre", "22 de diciembre", "miércoles 22 de diciembre de 2027", "December", "diciembre",
		},
	} {
		d, err := billing.ParseDate(tt.date)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "Day en", d, Day("en", d), tt.enDay)
		check(t, "ShortDay en", d, ShortDay("en", d), tt.enShort)
		check(t, "FullDay en", d, FullDay("en", d), tt.enFull)
		check(t, "MonthName en", d, MonthName("en", d.Month), tt.enMon)
		check(t, "Day es", d, Day("es", d), tt.esDay)
		check(t, "ShortDay es", d, ShortDay("es", d), tt.esShort)
		check(t, "FullDay es", d, FullDay("es", d), tt.esFull)
		check(t, "MonthName es", d, MonthName("es", d.Month), tt.esMon)
	}
}

func TestOrdinals(t *testing.T) {
	want := []string{
		"1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th", "11th", "12th", "13th", "14th", "15th", "16th",
		"17th", "18th", "19th", "20th", "21st", "22nd", "23rd", "24th", "25th", "26th", "27th", "28th", "29th", "30th", "31st",
	}
	for i, w := range want {
		check(t, "ShortDay en", i+1, ShortDay("en", billing.Date{Year: 2027, Month: time.March, Day: i + 1}), "March "+w)
	}
}

// A file of how to read aloud says what is wrong with it.
func TestReadingsAreChecked(t *testing.T) {
	whole, err := embedded.ReadFile("messages/es/reading.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, from, to, want string }{
		{"whole", "", "", ""},
		{"a month is missing", `"enero", `, "", "12 months"},
		{"an amount without its number", `"{{.N}} dólares"`, `"dólares"`, "does not say {{.N}}"},
		{"a misspelt name", `{{.Month}} de {{.Year}}`, `{{.Mont}} de {{.Year}}`, "{{.Month}}"},
		{"an hour that nobody says", `until = "23:59"`, `until = "22:59"`, `23:00 is said ""`},
		{"an unknown key", "[money]", "[money]\neuro = \"euro\"", "means nothing here"},
	} {
		text := strings.Replace(string(whole), tt.from, tt.to, 1)
		_, err := loadReading(fstest.MapFS{"reading.toml": {Data: []byte(text)}}, "reading.toml")
		if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestEveryMonthAndWeekdayHasItsName(t *testing.T) {
	seen := map[string]bool{}
	for lang := range readings {
		for m := time.January; m <= time.December; m++ {
			seen[lang+string(MonthName(lang, m))] = true
		}
		for day := range 7 {
			seen[lang+string(Day(lang, billing.Date{Year: 2027, Month: time.February, Day: 2 + day}))] = true
		}
	}
	if want := len(readings) * (12 + 7); len(seen) != want {
		t.Errorf("%d different names, want %d", len(seen), want)
	}
}

func TestTimeOfDay(t *testing.T) {
	for _, tt := range []struct{ clock, en, es string }{
		{"00:00:00", "12 midnight", "las 12 de la noche"},
		{"00:15:00", "12:15 a.m.", "las 12:15 de la noche"},
		{"01:00:00", "1 a.m.", "la 1 de la madrugada"},
		{"05:59:59", "5:59 a.m.", "las 5:59 de la madrugada"},
		{"08:00:00", "8 a.m.", "las 8 de la mañana"},
		{"12:00:00", "12 noon", "las 12 del mediodía"},
		{"12:05:00", "12:05 p.m.", "las 12:05 de la tarde"},
		{"13:30:00", "1:30 p.m.", "la 1:30 de la tarde"},
		{"15:15:00", "3:15 p.m.", "las 3:15 de la tarde"},
		{"17:00:00", "5 p.m.", "las 5 de la tarde"},
		{"18:00:00", "6 p.m.", "las 6 de la tarde"},
		{"19:30:00", "7:30 p.m.", "las 7:30 de la noche"},
	} {
		at, err := time.Parse(time.TimeOnly, tt.clock)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "TimeOfDay en", tt.clock, TimeOfDay("en", at), tt.en)
		check(t, "TimeOfDay es", tt.clock, TimeOfDay("es", at), tt.es)
	}
}

// The wall time is that of the zone t is in; the caller chooses the business zone (C1).
func TestTimeOfDayIsThatOfItsZone(t *testing.T) {
	at := time.Date(2027, time.February, 23, 22, 0, 0, 0, time.UTC)
	check(t, "TimeOfDay", at, TimeOfDay("en", at.In(time.FixedZone("EST", -5*3600))), "5 p.m.")
}

func TestNumbers(t *testing.T) {
	const pause = ` <break time="300ms"/> `
	digits := func(s string) string { return `<say-as interpret-as="digits">` + s + `</say-as>` }
	for _, tt := range []struct {
		name       string
		got        Speech
		want, text string
	}{
		{"reference", Digits("en", "123456789"), digits("123") + pause + digits("456") + pause + digits("789"), "123 456 789"},
		{"leading zeros", Digits("es", "000120"), digits("000") + pause + digits("120"), "000 120"},
		{"ten", Digits("en", "6175550101"), digits("617") + pause + digits("555") + pause + digits("0101"), "617 555 0101"},
		{"five", Digits("en", "02139"), digits("021") + pause + digits("39"), "021 39"},
		{"four", Digits("en", "4821"), digits("4821"), "4821"},
		{"not digits", Digits("en", "1-2 3"), digits("123"), "123"},
		{"none", Digits("en", ""), "", ""},

		{"last four of all", LastFour("en", "712345678"), digits("5678"), "5678"},
		{"masked", LastFour("en", "xxxx-xxxxxx-x4001"), digits("4001"), "4001"},
		{"two behind a mask", LastFour("en", "*******92"), digits("92"), "92"},
		{"nothing but a mask", LastFour("en", "****"), "", ""},
		{"a mask behind", LastFour("en", "4001xx"), "", ""},

		{"toll free", Phone("en", "+18776236765"), `<say-as interpret-as="telephone">1-877-623-6765</say-as>`, "1-877-623-6765"},
		{"short", Phone("en", "711"), digits("711"), "711"},
		{"abroad", Phone("es", "+442071838750"), digits("442") + pause + digits("071") + pause + digits("838") + pause + digits("750"), "442 071 838 750"},
	} {
		check(t, tt.name, "", tt.got, tt.want)
		if got := tt.got.Text(); got != tt.text {
			t.Errorf("%s: Text() = %q, want %q", tt.name, got, tt.text)
		}
	}
}

// A language without a reader is never offered; should one slip through, it is
// English that is heard, not a crash.
func TestWithoutReaderItIsEnglish(t *testing.T) {
	check(t, "Money", "ht", Money("ht", 19800), "198 dollars")
}

// check compares and makes sure that Twilio can speak it.
func check(t *testing.T, what string, arg any, got Speech, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("%s(%v) = %q, want %q", what, arg, got, want)
	}
	if _, err := spokenText(string(got)); err != nil {
		t.Errorf("%s(%v): %v", what, arg, err)
	}
}
