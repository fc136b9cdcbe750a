package notify_test

import (
	"testing"

	"duebell/billing"
	"duebell/notify"
	"duebell/payments"
	"duebell/voiceprompts"
)

// rulesInEveryLanguage is newRules as if every language had been approved (K4).
func rulesInEveryLanguage(t *testing.T) *notify.Rules {
	t.Helper()
	p := billing.DefaultPolicy()
	cal, err := billing.NewCalendar(p)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := voiceprompts.Load()
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, l := range catalog.Languages() {
		tags = append(tags, l.Tag)
	}
	return notify.NewRules(p, cal, notify.NewWords(catalog, tags))
}

// TestDatesOfEachLanguage: a date in a text is one day only, whoever reads it (N7): two numbers in a
// row are the United States' month and day, and stand in English alone.
func TestDatesOfEachLanguage(t *testing.T) {
	rules := rulesInEveryLanguage(t)
	const early = "2026-12-03T12:00:00-05:00"
	for lang, want := range map[string]string{
		"en": "Health Connector: your payment of 12/03/26 did not go through and nothing was charged. Call 1-877-623-6765 or reply PAY. STOP to opt out, HELP for help.",
		"es": "Health Connector: su pago del 3 de diciembre de 2026 no se pudo hacer y no se le ha cobrado nada. Llame al 1-877-623-6765 o responda PAGAR. ALTO para no recibir textos, AYUDA para ayuda.",
		"pt": "Health Connector: seu pagamento de 3/dez/2026 não foi feito e nada foi cobrado. Ligue para 1-877-623-6765 ou responda PAGAR. PARAR para não receber textos, AJUDA para ajuda.",
		"ht": "Health Connector: peman ou te fè 3 desanm 2026 la pa pase epi nou pa pran okenn lajan. Rele 1-877-623-6765 oswa reponn RELE. KANPE pou pa resevwa mesaj, EDE M pou èd.",
		"vi": "Health Connector: thanh toán ngày 3 tháng 12, 2026 không thành công, quý vị không bị trừ tiền. Gọi 1-877-623-6765 hoặc trả lời GỌI. DỪNG để ngừng nhận tin, TRỢ GIÚP để được giúp.",
		"zh": "Health Connector：您2026年12月3日的付款没有成功，没有扣款。请致电 1-877-623-6765 或回复“付款”。回复“停止”不再接收短信，回复“帮助”获取帮助。",
	} {
		f := facts(t, notify.PaymentFailed, payments.Declined)
		f.Language, f.Reasons[0].Payment.AuthorizedAt = lang, instant(t, early)
		v, err := rules.Decide(f, instant(t, noon))
		if err != nil {
			t.Fatal(err)
		}
		if v.Body != want {
			t.Errorf("%s:\n got %s\nwant %s", lang, v.Body, want)
		}
	}
}

// TestReminderDatesInSpanish: the day of a reminder has no weekday there, and is read one way only.
func TestReminderDatesInSpanish(t *testing.T) {
	rules := rulesInEveryLanguage(t)
	f := reminder(t, notify.DueSoon, 3, owing(""), "2026-12-20T12:00:00-05:00")
	f.Language = "es"
	v, err := rules.Decide(f, instant(t, "2026-12-20T12:00:00-05:00"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "Health Connector, recordatorio de pago: su factura vence el 23 de diciembre (5 PM ET). " +
		"Pague a cualquier hora en el 1-877-623-6765 o responda PAGAR para que le llamemos. ALTO para no recibir textos, AYUDA para ayuda."
	if v.Body != want {
		t.Errorf("\n got %s\nwant %s", v.Body, want)
	}
}
