package cmd

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// powershellCompletion completes commands, flags and contacts. PowerShell itself completes files if the
// script returns nothing. Contacts whose names would need quotes are left out.
func powershellCompletion(app *cli.App) string {
	var flags strings.Builder
	var contacts []string
	for _, place := range contactPlaces(app) {
		contacts = append(contacts, place[0]+" "+place[1])
	}
	for _, c := range app.Commands {
		fmt.Fprintf(&flags, "\t\t%s = @(%s)\n", powershellQuoted(c.Name), powershellList(flagNames(c.Flags)))
	}
	return fmt.Sprintf(`Register-ArgumentCompleter -Native -CommandName p2ptool -ScriptBlock {
	param($word, $commandAst, $cursor)
	$commands = @(%s)
	$flags = @{
%s	}
	$before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { $_.ToString() })
	if ($before.Count -le 1) { $words = $commands }
	elseif ($word -like '-*') { $words = $flags[$before[1]] }
	elseif (@(%s) -contains "$($before[1]) $($before[-1])") {
		$words = @(p2ptool contacts 2>$null | Where-Object { $_ -match '^([\w.-]+)\s+\S+$' } | ForEach-Object { $Matches[1] })
	}
	else { $words = @() }
	$words | Where-Object { $_ -like "$word*" } | ForEach-Object {
		[System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
	}
}
`, powershellList(commandNames(app)), flags.String(), powershellList(contacts))
}

func powershellList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = powershellQuoted(w)
	}
	return strings.Join(quoted, ", ")
}

// powershellQuoted quotes a word for PowerShell.
func powershellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
