#compdef mrctl
# Completes mrctl's verbs and flags by asking mrctl; where it has nothing to say, file names.
_mrctl() {
	local word="${words[CURRENT]}"
	local -a found
	if [[ "$word" == -* ]]; then
		found=("${(@f)$("${words[@]:0:$((CURRENT-1))}" "$word" --generate-bash-completion 2>/dev/null)}")
	else
		found=("${(@f)$("${words[@]:0:$((CURRENT-1))}" --generate-bash-completion 2>/dev/null)}")
	fi
	found=("${(@)found:#}")
	if (( ${#found} )); then
		compadd -- "${found[@]%%:*}"
	fi
	_files
}
if [[ "$funcstack[1]" == _mrctl ]]; then
	_mrctl "$@"
else
	compdef _mrctl mrctl
fi
