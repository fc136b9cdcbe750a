package voiceprompts

import (
	"fmt"
	"time"

	"duebell/billing"
)

// spanish reads aloud in the Spanish of the Americas.
type spanish struct{}

var (
	spanishDays = [...]string{"domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"}

	spanishMonths = [...]string{
		"enero", "febrero", "marzo", "abril", "mayo", "junio",
		"julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
	}
)

func (spanish) money(dollars, cents int64, exact bool) string {
	d, c := amount(dollars, "dólar", "dólares"), amount(cents, "centavo", "centavos")
	switch {
	case dollars == 0 && cents != 0:
		return c
	case cents == 0 && !exact:
		return d
	default:
		return d + " con " + c
	}
}

// day brings its article, so that a sentence can take "hace un momento" in its place.
func (s spanish) day(d billing.Date) string { return "el " + s.weekday(d) }

func (s spanish) weekday(d billing.Date) string {
	return spanishDays[d.Weekday()] + " " + s.shortDay(d)
}

// shortDay says "primero" for the first: in the Americas "1 de marzo" is not said.
func (s spanish) shortDay(d billing.Date) string {
	if d.Day == 1 {
		return "primero de " + s.month(d.Month)
	}
	return fmt.Sprintf("%d de %s", d.Day, s.month(d.Month))
}

// fullDay has no article: "hoy es martes", but "el martes o después".
func (s spanish) fullDay(d billing.Date) string {
	return fmt.Sprintf("%s de %d", s.weekday(d), d.Year)
}

func (spanish) month(m time.Month) string { return spanishMonths[m-1] }

// timeOfDay brings its article, which a message cannot know: "la 1", but "las 5".
func (spanish) timeOfDay(hour, minute int) string {
	article := "las "
	if hour%12 == 1 {
		article = "la "
	}
	return article + onTheClock(hour, minute) + " " + spanishPart(hour, minute)
}

// spanishPart names the part of the day, where English says a.m. and p.m.
func spanishPart(hour, minute int) string {
	switch {
	case hour == 12 && minute == 0:
		return "del mediodía"
	case hour == 0 || hour >= 19:
		return "de la noche"
	case hour < 6:
		return "de la madrugada"
	case hour < 12:
		return "de la mañana"
	default:
		return "de la tarde"
	}
}
