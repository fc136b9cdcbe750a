// Package command is what the commands of duebell and duebell-lab share: parsing with helpful refusals, exit
// codes, --help and --help-settings, shell completion, and one way each to print tables, instants and numbers.
package command
