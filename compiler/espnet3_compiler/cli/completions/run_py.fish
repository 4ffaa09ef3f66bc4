
# python build/run.py: its options, its stages, and the names of its configs
function __espnet3_run_py
    set -l words (commandline -opc)
    test (count $words) -ge 2; or return 1
    string match -q '*run.py' -- $words[2]; or return 1
    test -f (string replace -r 'run\.py$' recipe.lock.json -- $words[2])
end
function __espnet3_run_py_words
    set -l words (commandline -opc)
    set -l options (string match -- '--*' $words)
    set -l help (COLUMNS=100000 $words[1] $words[2] --help 2>/dev/null)
    if string match -q -- '-*' (commandline -ct)
        string match -ra -- '--[A-Za-z_0-9]+' $help | sort -u
    else if test "$options[-1]" = --stages
        echo all
        string replace -f 'stages, in this order: ' '' -- $help | string split ' '
    end
end
complete -c python -n __espnet3_run_py -a '(__espnet3_run_py_words)'
complete -c python3 -n __espnet3_run_py -a '(__espnet3_run_py_words)'
