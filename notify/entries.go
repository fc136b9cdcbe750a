package notify

// The words of rules.md §11, in its order. There is one list for all languages; every entry also counts
// without its accents (O7). To add a word, add it here or, for opt-outs, in the policy (optout_words).

// Class is what an inbound text asks for. The words are stored with each text and counted; they do not
// change.
type Class string

// Classes of inbound texts.
const (
	ClassOptOut  Class = "opt_out"
	ClassHelp    Class = "help"
	ClassStart   Class = "start"
	ClassPay     Class = "pay"
	ClassBalance Class = "balance"
	ClassReal    Class = "real"
	ClassSkip    Class = "skip"
	ClassMove    Class = "move"
	ClassNone    Class = "none"
)

// Classes returns all classes. An entry that stands in two classes counts for the earlier one: in doubt,
// opt-out (O8).
func Classes() []Class {
	return []Class{ClassOptOut, ClassHelp, ClassStart, ClassPay, ClassBalance, ClassReal, ClassSkip, ClassMove, ClassNone}
}

// entries lists, class by class, what counts as a whole text. Lines are languages: en, es, pt, ht, vi, zh,
// fr, ru, ar. Each is compared with the whole text, normalised like it. An entry that stands twice does no
// harm.
var entries = map[Class][]string{
	ClassOptOut: {
		"stop", "stop all", "stopall", "stop2end", "end", "quit", "cancel", "revoke", "unsubscribe", "opt out", "optout",
		"remove", "no more", "stopp", "unsuscribe", "unsubcribe", "un subscribe", "un suscribe",
		"alto", "parar", "pare", "para", "cancelar", "baja", "dar de baja", "detener", "deténgase", "basta", "salir", "fin", "no más", "borrar",
		"parar", "pare", "cancelar", "sair", "chega", "remover",
		"kanpe", "sispann", "rete", "anile",
		"dừng", "dừng lại", "ngừng", "ngưng", "hủy", "huỷ", "ngừng nhắn tin", "đừng nhắn tin nữa",
		"停止", "停", "退订", "退訂", "取消", "取消订阅", "取消訂閱",
		"arrêt", "arrêter", "arrêtez", "désabonner",
		"стоп", "отписаться", "отмена",
		"توقف", "إلغاء",
	},
	ClassHelp: {
		"help", "info", "help me", "more info",
		"ayuda", "ayúdame", "información",
		"ajuda", "informação",
		"èd", "ede m", "ede mwen",
		"trợ giúp", "giúp đỡ",
		"帮助", "幫助", "帮忙",
		"aide", "помощь", "مساعدة",
	},
	ClassStart: {
		"start", "unstop", "resume", "subscribe", "opt in", "optin",
		"comenzar", "iniciar", "reanudar", "alta", "empezar",
		"começar", "iniciar",
		"kòmanse", "bắt đầu",
		"开始", "開始", "恢复", "恢復",
		"старт",
	},
	ClassPay: {
		"pay", "call", "callback", "call back", "pay bill", "pay balance", "make payment", "pay by phone", "pay call",
		"pagar", "pago", "llamar", "llame", "llámame", "llámeme", "para pagar", "quiero pagar", "pagar factura",
		"pagar", "ligar", "pagar conta", "quero pagar",
		"peye", "rele", "rele m", "rele mwen",
		"thanh toán", "trả tiền", "gọi", "gọi lại",
		"付款", "缴费", "繳費", "打电话", "打電話", "给我打电话", "給我打電話",
		"payer", "appeler",
		"оплатить", "позвоните",
	},
	ClassBalance: {
		"balance", "balance due", "account balance", "how much", "how much do i owe", "what do i owe", "amount due",
		"saldo", "cuánto", "cuánto debo", "cuánto tengo que pagar",
		"saldo", "quanto", "quanto devo",
		"balans", "konbyen", "konbyen mwen dwe",
		"số dư", "bao nhiêu", "nợ bao nhiêu",
		"余额", "餘額", "多少钱", "多少錢", "欠多少",
		"solde", "combien",
		"баланс", "сколько",
		"الرصيد", "كم",
	},
	ClassReal: {
		"real", "is this real", "is it real", "legit", "is this legit", "is this a scam",
		"es real", "es verdad", "es una estafa",
		"é real", "é verdade", "é golpe",
		"se vre", "èske se vre",
		"có thật không", "thật không",
		"真的吗", "真的嗎", "是真的吗", "是真的嗎",
		"vrai", "это правда", "هل هذا حقيقي",
	},
	ClassSkip: {
		"skip", "skip autopay", "skip payment", "skip month",
		"saltar", "omitir", "pular", "sote", "bỏ qua", "跳过", "跳過", "sauter", "пропустить", "تخطي",
	},
	ClassMove: {
		"move", "move autopay", "move date", "change date", "change autopay",
		"mover", "cambiar fecha", "mudar data", "chanje dat", "đổi ngày", "改期", "改日期", "changer date",
		"перенести", "تغيير التاريخ",
	},
}

// filler are the words around a request that change nothing about it.
const filler = `
a again all any anymore from health connector hey hi hello immediately it me message messages messaging msg msgs
my now of ok okay please pls plz receiving reminder reminders right away sending sms text texts texting thank thanks
the these this thx to us you your
por favor ahora gracias mi mis el la los las una mensaje mensajes texto textos recordatorio recordatorios enviar
agora minha meu obrigado obrigada o as os mensagem mensagens`

// optOutPhrases are an opt-out wherever they stand, unless a negation stands before them.
var optOutPhrases = []string{
	"opt out", "opt me out", "opting out",
	"do not text", "do not message", "do not contact", "do not call", "dont text", "dont message", "dont contact", "dont call",
	"stop texting", "stop messaging", "stop sending", "stop contacting", "stop calling", "quit texting",
	"no more texts", "no more messages", "no more calls",
	"take me off", "remove me", "remove my number", "delete my number", "wrong number", "wrong person", "leave me alone",
	"to unsubscribe", "do i unsubscribe", "unsubscribe me", "revoke my consent", "withdraw my consent",
	"no me envíen", "no me envíe", "no me manden", "no me escriban", "no me llamen", "no quiero más mensajes", "no más mensajes",
	"dejen de", "deje de enviar", "dar de baja", "darme de baja", "número equivocado",
	"não quero mais", "pare de enviar", "parem de", "não me envie", "número errado",
	"pa voye", "sispann voye", "pa ekri m", "move nimewo",
	"đừng nhắn", "sai số", "nhầm số",
}

// optOutInside are opt-out phrases of scripts without spaces. They are looked for in the text without its
// spaces.
var optOutInside = []string{"不要再发", "不要再發", "別再发", "別再發", "退订", "退訂", "打错了", "打錯了"}

// Phrases among these that say that the number is not our member's (O5: the number is detached).
var (
	wrongPhrases = []string{
		"wrong number", "wrong person", "número equivocado", "número errado", "move nimewo", "sai số", "nhầm số",
	}
	wrongInside = []string{"打错了", "打錯了"}
)

const (
	// negations before an opt-out phrase turn it around.
	negations = `not dont never`
	// commands at the beginning of a text are an opt-out, unless the next word is about a payment.
	commands = `stop stopall unsubscribe optout`
	// endings are an opt-out at the end of a short text.
	endings = `stop unsubscribe`
	// appeals ask for help wherever they stand.
	appeals = `help ayuda ajuda`
	// aboutMoney are words about a payment: a command with one of them is read by a person (O9).
	aboutMoney = `payment payments pay paying autopay auto draft debit withdrawal bill billing charging coverage plan
		insurance check authorization autorización factura pago cuenta seguro conta`
	// objects after a command show that it is not about texts ("stop by", "stop payment").
	objects = `by in at ` + aboutMoney
	// actions with a payment word may be a request to stop a payment or AutoPay (O9).
	actions = `stop cancel end revoke quit unsubscribe start resume cancelar parar detener`
)

// The words that Twilio answers itself when one of them is the whole text (O2).
const (
	twilioStop  = `STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT`
	twilioStart = `START UNSTOP`
	twilioHelp  = `HELP INFO`
)
