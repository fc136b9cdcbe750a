package connector

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// AccountType is the kind of bank account that the caller has named. The first three are the words of
// payments.BankType, which this package does not import.
type AccountType string

const (
	Checking         AccountType = "checking"
	Savings          AccountType = "savings"
	BusinessChecking AccountType = "business-checking"
	BusinessSavings  AccountType = "business-savings"
)

// Business reports whether a company holds the account: its debits are of another class (E1: CCD,
// never TEL).
func (t AccountType) Business() bool { return t == BusinessChecking || t == BusinessSavings }

// accountTypes are the words for account_type: ours, and those of <Pay>'s bankAccountType. None
// means consumer checking, as at <Pay> and at the processor.
var accountTypes = map[string]AccountType{
	"":                    Checking,
	"checking":            Checking,
	"savings":             Savings,
	"business-checking":   BusinessChecking,
	"consumer-checking":   Checking,
	"consumer-savings":    Savings,
	"commercial-checking": BusinessChecking,
	"commercial-savings":  BusinessSavings,
}

// BankAccount is what the caller has keyed. However it is printed, logged or marshalled, it shows nothing
// (D1: secrets in no log). Routing is nine digits, Account 4 to 17 with their leading zeros (E11); both have
// been checked (validate).
type BankAccount struct {
	Routing string
	Account string
	Type    AccountType
	Holder  string
}

const hidden = "***"

// String hides the account.
func (BankAccount) String() string { return hidden }

// GoString hides the account from %#v.
func (BankAccount) GoString() string { return hidden }

// Format hides the account from every verb of fmt.
func (BankAccount) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides the account from slog.
func (BankAccount) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the account from encoders.
func (BankAccount) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// digitsOnly reports whether s is ASCII digits and nothing else. An empty text is not.
func digitsOnly(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
