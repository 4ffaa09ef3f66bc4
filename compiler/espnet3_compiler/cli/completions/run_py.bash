
# python build/run.py: its options, its stages, and the names of its configs
_espnet3_run_py() {
  local script=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]} option= words= i
  [[ $script == *run.py && -f ${script%run.py}recipe.lock.json ]] || return 0
  for ((i = 2; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == --* ]] && option=${COMP_WORDS[i]}
  done
  local help=$(COLUMNS=100000 "${COMP_WORDS[0]}" "$script" --help 2>/dev/null)
  if [[ $word == -* ]]; then
    words=$(grep -oE -- '--[A-Za-z_0-9]+' <<<"$help")
  elif [[ $option == --stages ]]; then
    words="all $(sed -n 's/^stages, in this order: //p' <<<"$help")"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -o bashdefault -F _espnet3_run_py python python3
