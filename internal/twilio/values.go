package twilio

import (
	"regexp"
	"strings"
)

// Values that Twilio takes. Where its documentation and its SDK disagree, only what both name is
// sent; the bank and postal errors of a Prompt are the exception, because nothing else covers them.

// wordSet returns the set of the words in a list separated by white space.
func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		set[w] = true
	}
	return set
}

var (
	cardTypes        = wordSet("visa mastercard amex maestro discover optima jcb diners-club enroute")
	bankAccountTypes = wordSet("consumer-checking consumer-savings commercial-checking")
	payMethods       = wordSet("credit-card ach-debit")
	tokenTypes       = wordSet("payment-method one-time")
	payLanguages     = wordSet("en-AU en-CA en-GB en-IN en-US es-ES fr-CA fr-FR de-DE it-IT")
	promptErrors     = wordSet(`timeout invalid-card-number invalid-card-type invalid-date invalid-security-code
		invalid-postal-code invalid-bank-routing-number invalid-bank-account-number input-matching-failed`)
	cardSteps     = wordSet("payment-card-number expiration-date security-code postal-code payment-processing")
	bankSteps     = wordSet("bank-routing-number bank-account-number payment-processing")
	statusEvents  = wordSet("initiated ringing answered completed")
	rejectReasons = wordSet("rejected busy")

	sayLanguages = wordSet(`af-ZA ar-AE ar-XA arb bg-BG bn-IN ca-ES cmn-CN cmn-TW cs-CZ cy-GB da-DK de-AT de-DE
		el-GR en-AU en-CA en-GB en-GB-WLS en-IE en-IN en-NZ en-US en-ZA es-ES es-MX es-US fi-FI fil-PH fr-BE fr-CA
		fr-FR gu-IN he-IL hi-IN hu-HU id-ID is-IS it-IT ja-JP kn-IN ko-KR lv-LV ml-IN mr-IN ms-MY nb-NO nl-BE
		nl-NL pa-IN pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK sr-RS sv-SE ta-IN te-IN th-TH tr-TR uk-UA vi-VN yue-HK`)
	gatherLanguages = wordSet(`ar-AE ar-EG ar-IQ ar-JO ar-LB ar-MA ar-SA bn-BD cmn-Hans-CN cmn-Hant-TW de-DE el-GR
		en-CA en-GB en-IN en-US es-CO es-CR es-DO es-EC es-ES es-GT es-HN es-MX es-NI es-PA es-PE es-PR es-SV es-US
		es-VE fa-IR fil-PH fr-CA fr-FR gu-IN he-IL hi-IN it-IT ja-JP km-KH ko-KR lo-LA ne-NP nl-NL pl-PL pt-BR pt-PT
		ro-RO ru-RU sw-KE ta-IN te-IN th-TH tr-TR uk-UA ur-PK vi-VN yue-Hant-HK`)
)

var (
	// Voices vanish and appear without notice, so their names are checked for shape only.
	voiceShape     = regexp.MustCompile(`^(man|woman|alice|(Google|Polly)\.[\p{L}0-9-]+)$`)
	e164Shape      = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	sipShape       = regexp.MustCompile(`^sips?:[^\s<>"]{3,249}$`)
	keysShape      = regexp.MustCompile(`^[0-9A-DwW#*]{1,32}$`)
	nameShape      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	speechEndShape = regexp.MustCompile(`^(auto|[1-9][0-9]?)$`)
	secondsShape   = regexp.MustCompile(`^[1-9][0-9]?$`)
	oneKeyShape    = regexp.MustCompile(`^[0-9#*]?$`)
)

// validXML reports whether s holds nothing that XML cannot carry or that has no place in a spoken
// or keyed value. encoding/xml would turn such characters into U+FFFD without an error.
func validXML(s string) bool {
	for _, r := range s {
		// U+FFFD is what broken UTF-8 reads as; in a text of ours it is the trace of an earlier
		// fault.
		if r < 0x20 || 0x7F <= r && r <= 0x9F || 0xFFFD <= r && r <= 0xFFFF {
			return false
		}
	}
	return true
}
