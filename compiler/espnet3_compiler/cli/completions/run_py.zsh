
# python build/run.py: its options, its stages, and the names of its configs
_espnet3_run_py() {
  local script=$words[2] option= help i
  if [[ $script != *run.py || ! -f ${script%run.py}recipe.lock.json ]] || (( CURRENT < 3 )); then
    (( $+functions[_python] || $+_comps[-default-] )) && _default
    return
  fi
  for ((i = 3; i < CURRENT; i++)); do
    [[ $words[i] == --* ]] && option=$words[i]
  done
  help=$(COLUMNS=100000 ${(Q)words[1]} ${(Q)script} --help 2>/dev/null)
  if [[ $words[CURRENT] == -* ]]; then
    compadd -- ${(fu)"$(grep -oE -- '--[A-Za-z_0-9]+' <<<"$help")"}
  elif [[ $option == --stages ]]; then
    compadd -- all ${=${(M)${(f)help}:#stages, in this order: *}#stages, in this order: }
  else
    _files
  fi
}
compdef _espnet3_run_py python python3
