# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Completion of counterspin(1) in bash. What there is to complete it asks the program itself, each
# thing once in a shell: this file knows no command's options. It needs no bash-completion.

declare -gA _counterspin_said

# _counterspin_ask PROGRAM ARGUMENT...: what that prints, in REPLY.
_counterspin_ask()
{
	local key=$*

	[[ -n ${_counterspin_said[$key]-} ]] || _counterspin_said[$key]=$("$@" 2> /dev/null < /dev/null)
	REPLY=${_counterspin_said[$key]}
}

# _counterspin_offer WORD PREFIX CANDIDATE...: PREFIX and each candidate, as far as WORD begins so.
_counterspin_offer()
{
	local word=$1 prefix=$2 candidate

	for candidate in "${@:3}"; do
		[[ $prefix$candidate != "$word"* ]] || COMPREPLY+=("$prefix$candidate")
	done
}

# _counterspin_offer_files WORD PREFIX PATTERN: files named like that, and directories.
_counterspin_offer_files()
{
	local name=${1#"$2"} file

	name=${name#[\'\"]}
	compopt -o filenames 2> /dev/null
	while IFS= read -r file; do
		[[ ! -d $file && ${file##*/} != $3 ]] || COMPREPLY+=("$2$file")
	done < <(compgen -f -- "${name//\\/}")
}

# _counterspin_offer_policies PROGRAM WORD PREFIX: NAME, or NAME:PARAMETER=DEFAULT,...
_counterspin_offer_policies()
{
	local policy=${2#"$3"} name= line begun parameters=() names=()

	_counterspin_ask "$1" policies
	while IFS= read -r line; do
		if [[ $line =~ ^[a-z] ]]; then
			name=$line
			names+=("$name")
		elif [[ $name == "${policy%%:*}" && $line =~ ^' '+'parameter:'' '+([a-z_]+)=\"?([^\"]*) ]]; then
			parameters+=("${BASH_REMATCH[1]}=" "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}")
		fi
	done <<< "$REPLY"
	if [[ $policy != *:* ]]; then
		_counterspin_offer "$2" "$3" "${names[@]}"
		return
	fi
	begun=${policy##*[:,]}
	for name in "${parameters[@]}"; do	# a default is offered once its name is there
		[[ $begun == *=* && $name == *= || $begun != *=* && $name != *= ]] ||
			_counterspin_offer "$2" "$3${policy%"$begun"}" "$name"
	done
}

# _counterspin_offer_values PROGRAM WHAT HELP WORD PREFIX: WHAT --help calls the value, and HELP says.
_counterspin_offer_values()
{
	local help=$3 values=()

	case $2 in
	POLICY) _counterspin_offer_policies "$1" "$4" "$5"; return ;;
	DB*) _counterspin_offer_files "$4" "$5" '*.db'; return ;;
	RECORDING*) _counterspin_offer_files "$4" "$5" '@(*.dat|*.data|*.data.*)'; return ;;
	FILE*) _counterspin_offer_files "$4" "$5" '*'; return ;;
	esac
	while [[ $help =~ \'([a-z0-9-]+)\'(.*) ]]; do	# --help quotes what there is to choose from
		values+=("${BASH_REMATCH[1]}")
		help=${BASH_REMATCH[2]}
	done
	if [[ ${#values[@]} -eq 0 ]]; then
		case $2 in
		FORMAT) values=(perfetto csv) ;;
		MODE) values=(auto off deep) ;;
		esac
	fi
	_counterspin_offer "$4" "$5" "${values[@]}"
}

# Words up to the cursor as the program gets them, in words: bash parts them at '=' and ':'.
_counterspin_words()
{
	local i glue=1

	words=("${COMP_WORDS[0]}")
	for ((i = 1; i <= COMP_CWORD; i++)); do
		if [[ -n ${COMP_WORDS[i]} && ( ${COMP_WORDS[i]} == [=:]* || $glue == 0 ) ]] && ((i > 1)); then
			words[-1]+=${COMP_WORDS[i]}
		else
			words+=("${COMP_WORDS[i]}")
		fi
		glue=0
		[[ ${COMP_WORDS[i]} == *[=:] ]] || glue=1
	done
}

_counterspin_command()
{
	local program=$1 word=${words[-1]} command=${words[1]} line options=() arguments=() values=() n=0 i
	local -A takes helps

	_counterspin_ask "$program" "$command" --help
	while IFS= read -r line; do
		if [[ $line =~ ^' '+'counterspin '[a-z-]+(' [OPTION…]')?' '?(.*)$ ]]; then
			read -ra arguments <<< "${BASH_REMATCH[2]}"
		elif [[ $line =~ ^' '+(-(.)', ')?(--[a-z-]+)(=([^' ']+))?' '*(.*)$ ]]; then
			options+=("${BASH_REMATCH[3]}${BASH_REMATCH[4]:+=}")
			for i in "${BASH_REMATCH[3]}" ${BASH_REMATCH[2]:+"-${BASH_REMATCH[2]}"}; do
				takes[$i]=${BASH_REMATCH[5]}
				helps[$i]=${BASH_REMATCH[6]}
			done
		fi
	done <<< "$REPLY"
	for ((i = 2; i < ${#words[@]} - 1; i++)); do
		if [[ ${words[i]} == -- ]]; then
			[[ ${arguments[0]-} == '[--' ]] || break
			if ((i == ${#words[@]} - 2)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$word")
			else
				_counterspin_offer_files "$word" '' '*'
			fi
			return
		elif [[ ${words[i]} == -* ]]; then
			[[ -z ${takes[${words[i]}]-} ]] || ((++i))
		else
			((++n))
		fi
	done
	if ((i >= ${#words[@]})); then		# the value of the option before it
		i=${words[-2]}
		_counterspin_offer_values "$program" "${takes[$i]}" "${helps[$i]}" "$word" ''
	elif [[ $word == --*=* ]]; then
		i=${word%%=*}
		[[ -z ${takes[$i]-} ]] ||
			_counterspin_offer_values "$program" "${takes[$i]}" "${helps[$i]}" "$word" "$i="
	elif [[ $word == -* ]]; then
		_counterspin_offer "$word" '' "${options[@]}"
	elif ((${#arguments[@]})); then
		((n < ${#arguments[@]})) || [[ ${arguments[-1]} == *… ]] || return 0
		((n < ${#arguments[@]})) || n=$((${#arguments[@]} - 1))
		_counterspin_offer_values "$program" "${arguments[n]}" '' "$word" ''
	fi
}

_counterspin()
{
	local program=${1/#~\//$HOME/} words commands=() line begun= i

	COMPREPLY=()
	_counterspin_words
	_counterspin_ask "$program" --help
	while IFS= read -r line; do
		[[ ! $line =~ ^'  '([a-z][a-z-]*)' ' ]] || commands+=("${BASH_REMATCH[1]}")
	done <<< "$REPLY"
	if ((${#words[@]} == 2)); then
		_counterspin_offer "${words[1]}" '' "${commands[@]}" help --help --version
	elif [[ ${words[1]} == help ]]; then
		((${#words[@]} > 3)) || _counterspin_offer "${words[2]}" '' "${commands[@]}"
	elif [[ " ${commands[*]} " == *" ${words[1]} "* ]]; then
		_counterspin_command "$program"
	fi
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2> /dev/null
	# what comes before the last of them bash takes for words of their own
	for ((i = 0; i < ${#words[-1]}; i++)); do
		[[ ${words[-1]:i:1} != [=:] || $COMP_WORDBREAKS != *"${words[-1]:i:1}"* ]] || begun=${words[-1]:0:i+1}
	done
	COMPREPLY=("${COMPREPLY[@]#"$begun"}")
}

complete -F _counterspin counterspin
