#!/bin/sh
# Training that cannot be lost: kills, stops and disturbs runs, and resumes them: resume_test.sh BINDIR REPO TOOLDIR
#
# MOTE_SANITIZED  set if the programs run under sanitizers: fewer runs are killed then
set -u

# shellcheck source=tests/scripts/checks.sh
. "$(dirname -- "$0")/checks.sh"

kills_wanted=50
[ -z "${MOTE_SANITIZED:-}" ] || kills_wanted=6

data='"dataset": {"format": "synthetic_digits", "samples": 240, "test_samples": 40, "validation_fraction": 0.2'
output='"output": {"type": "softmax_cross_entropy"}'

# write_mlp [KEYS]: writes a config, with KEYS added to "train".
write_mlp() {
    cat <<END
{
  $data},
  "model": {
    "layers": [
      {"type": "flatten"},
      {"type": "dense", "units": 128},
      {"type": "relu"},
      {"type": "dense", "units": 10}
    ],
    $output
  },
  "train": {
    "epochs": 6,
    "batch_size": 16,
    "optimizer": {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "schedule": {"type": "cosine", "warmup_epochs": 1},
    "checkpoint": {"every_steps": 1, "keep": 1}${1:-}
  }
}
END
}

# With everything that has a state: dropout, batch norm, augmentation, averaged weights, steps of several batches, and a
# schedule that depends on validation.
write_cnn() {
    cat <<END
{
  $data, "augment": [{"type": "shift", "pixels": 2}, {"type": "rotate", "degrees": 10}, {"type": "elastic"}]},
  "model": {
    "layers": [
      {"type": "conv2d", "filters": 4, "kernel": 3, "padding": "same"},
      {"type": "batch_norm"},
      {"type": "relu"},
      {"type": "max_pool2d", "size": 2},
      {"type": "dropout", "rate": 0.3},
      {"type": "flatten"},
      {"type": "dense", "units": 10}
    ],
    $output
  },
  "train": {
    "epochs": 5,
    "batch_size": 8,
    "accumulate": 2,
    "clip_gradient_norm": 1,
    "weight_average": 0.9,
    "optimizer": {"type": "adamw", "learning_rate": 0.003},
    "schedule": {"type": "on_plateau", "patience": 1},
    "checkpoint": {"every_steps": 1},
    "metrics": {"every_steps": 7, "norms": true}
  }
}
END
}

# The lines of metrics.jsonl without what depends on the clock.
losses_of() {
    sed 's/"seconds":[^,]*,"samples_per_second":[^,]*,//' "$1/metrics.jsonl"
}

# as_never_stopped WHAT RUN WHOLE
as_never_stopped() {
    check "$1: the same model, byte for byte" cmp "$2/model.safetensors" "$3/model.safetensors"
    same "$1: metrics.jsonl" "$(losses_of "$2")" "$(losses_of "$3")"
    check "$1: the same result" test "$("$tools/json" get "$2/result.json" test_loss)" = \
        "$("$tools/json" get "$3/result.json" test_loss)"
}

now_ms() {
    date +%s%3N
}

# A random number below $1.
random_below() {
    od -An -N4 -tu4 /dev/urandom | awk -v limit="$1" '{ printf "%d", $1 % limit }'
}

# sleep_ms MILLISECONDS
sleep_ms() {
    sleep "$(awk -v ms="$1" 'BEGIN { printf "%.3f", ms / 1000 }')" 2>/dev/null || sleep 1
}

# ---- killed ----

# kill_once CONFIG RUN: starts or resumes a run and kills it a while later. False if it ended first.
kill_once() {
    resume=
    [ ! -e "$2/config.json" ] || resume=--resume
    [ -n "$resume" ] || rm -rf "$2" # killed before there was anything to go on with
    # shellcheck disable=SC2086
    "$train" "$1" --run-dir "$2" --quiet --threads $((kills % 3 + 1)) $resume >"$out" 2>"$err" &
    child=$!
    sleep_ms $((starting + $(random_below "$training")))
    kill -s KILL $child 2>/dev/null
    code=0
    { wait $child; } 2>/dev/null || code=$? # the shell says that something was killed
    [ "$code" -ne 137 ]  || return 0
    check "what a run says that was not killed: $(cat "$err")" is_empty "$err"
    return 1
}

# killed CONFIG FILE...: kills runs until there have been enough kills; those that end in between, and the last one,
# must match one that was never killed. FILES are what such a run holds.
killed() {
    config=$1
    shift
    begin=$(now_ms)
    run 0 "$train" "$config" --dry-run --quiet
    starting=$(($(now_ms) - begin))
    begin=$(now_ms)
    run 0 "$train" "$config" --run-dir whole --quiet
    training=$((($(now_ms) - begin - starting) / 2 + 10)) # so that most runs are killed several times
    [ $training -le 300 ] || training=300                 # and where a disk is slow, still within a minute
    kills=0
    ends=0
    torn=0
    # A few kills may miss all of the writing: continue until one has not.
    while [ $kills -lt $kills_wanted ] || { [ $torn -eq 0 ] && [ $kills -lt $((20 * kills_wanted)) ]; }; do
        if kill_once "$config" killed; then
            kills=$((kills + 1))
            [ -z "$(find killed -name '*.part' 2>/dev/null)" ] || torn=$((torn + 1))
        else
            as_never_stopped "$config, killed $kills times" killed whole
            [ -e killed/result.json ] || return
            ends=$((ends + 1))
            rm -rf killed
        fi
    done
    [ -e killed/config.json ] || kill_once "$config" killed
    [ ! -e killed/config.json ] || run 0 "$train" "$config" --run-dir killed --quiet --resume
    as_never_stopped "$config, killed $kills times" killed whole
    same "$config, files" "$(ls killed)" "$(printf '%s\n' "$@")"
    echo "$config: killed $kills times, $torn of them while a file was being written; $ends runs ended in between"
    check "a run has been killed while it wrote a file" test $torn -gt 0
    rm -rf whole killed
}

# ---- disturbed ----

# wait_until SECONDS COMMAND...: false if the time is up first.
wait_until() {
    tries=$(($1 * 20))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep_ms 50
    done
}

# start RUN OPTION...: starts a run that does not end by itself in the background, and waits for its first checkpoint.
start() {
    started=$1
    shift
    "$train" mlp.json --run-dir "$started" --quiet --set train.epochs=1000000 "$@" >"$out" 2>"$err" &
    child=$!
    check "a run starts: $started" wait_until 20 test -e "$started/checkpoint.safetensors"
}

# end SIGNAL CODE: sends the signal to what was started, which must exit with this code.
end() {
    kill -s "$1" $child
    code=0
    { wait $child; } 2>/dev/null || code=$?
    same "exit code after SIG$1" "$code" "$2"
}

test_two_processes() {
    start mine
    refuse_started() {
        run 1 "$train" mlp.json --run-dir mine "$@"
        same "a second process" "$(cat "$err")" "train: mine: another process is training in this directory"
    }
    kept=$err
    err=$scratch/err2
    refuse_started
    refuse_started --resume --set train.epochs=1000000
    err=$kept
    end KILL 137
    if flock -n mine true 2>"$out"; then
        flock -s mine sleep 0.1 & # as evaluate --runs does, for a moment
        sleep_ms 20
    fi
    run 0 "$train" mlp.json --run-dir mine --resume --quiet # the lock has gone with the process
    wait
    rm -rf mine
}

# start_slow: starts the run "stopped", whose steps are slow.
start_slow() {
    "$train" mlp.json --run-dir stopped --set train.epochs=1000000 --set dataset.samples=6000 \
        --set 'model.layers[1].units=1024' --set train.accumulate=1000 >"$out" 2>"$err" &
    child=$!
    check "a run starts: stopped" wait_until 20 test -e stopped/checkpoint.safetensors
}

# Two SIGHUPs are one closed terminal, and the same signal twice at once comes from a program such as timeout; any other two
# signals are a user in a hurry.
test_signals() {
    start stopped
    kill -s HUP $child
    end HUP 143
    rm -rf stopped
    "$train" mlp.json --run-dir stopped --set train.epochs=1000000 >"$out" 2>"$err" &
    child=$!
    check "a run starts: stopped" wait_until 20 test -e stopped/checkpoint.safetensors
    kill -s STOP $child && kill -s INT $child && kill -s TERM $child && kill -s CONT $child
    { wait $child; } 2>/dev/null
    check "a second signal ends at once" lacks 'everything is saved' "$err"
    rm -rf stopped
    start_slow
    kill -s HUP $child && sleep_ms 1 && kill -s STOP $child && sleep_ms 300
    kill -s HUP $child && kill -s CONT $child
    { wait $child; } 2>/dev/null
    check "SIGHUP twice, however far apart, is one" grep -q 'everything is saved' "$err"
    rm -rf stopped
    start_slow
    kill -s TERM $child && kill -s TERM $child
    { wait $child; } 2>/dev/null
    check "the same signal twice at once is one" grep -q 'everything is saved' "$err"
    rm -rf stopped
    for _ in 1 2 3 4 5; do # the first signal may come just before the end of a step
        start_slow
        kill -s INT $child && sleep_ms 1 && kill -s STOP $child && sleep_ms 300
        kill -s INT $child && kill -s CONT $child
        { wait $child; } 2>/dev/null
        rm -rf stopped
        lacks 'everything is saved' "$err" && break
    done
    check "the same signal a while later ends at once" lacks 'everything is saved' "$err"
}

# The reader of a pipe exits before the writer, as tee does after Ctrl-C.
test_broken_pipe() {
    mkfifo pipe
    "$train" mlp.json --run-dir piped --set train.epochs=1000000 >"$out" 2>pipe &
    child=$!
    head -n 3 <pipe >/dev/null
    check "training goes on when nobody reads" wait_until 20 test -e piped/checkpoint.safetensors
    end INT 130
    rm -rf piped pipe
}

# said TEXT: whether a line on stderr begins with it.
said() {
    grep -q "^train: $1" "$err"
}

count_said() {
    grep -c "^train: $1" "$err"
}

# The directory is gone for a while, with a file in its place.
test_lost_directory() {
    start lost --set train.checkpoint.keep=0 --set train.metrics.every_steps=5
    mv lost elsewhere && : >lost
    check "a lost directory is told" wait_until 20 said 'lost/metrics.jsonl: cannot be written: [^;]*; training continues, and '
    check "checkpoints are told" wait_until 20 said 'lost/checkpoint.safetensors: cannot be written: [^;]*; training continues, and the checkpoint of step [0-9]* is kept$'
    sleep_ms 300
    rm lost && mv elsewhere lost
    check "checkpoints are written again" wait_until 20 said 'checkpoints can be written again$'
    check "metrics are written again" wait_until 20 said 'metrics.jsonl can be written again, and is complete$'
    end TERM 143
    same "a lost directory is told once: $(cat "$err")" "$(count_said lost/checkpoint)$(count_said lost/metrics)" 11
    same "no epoch is missing" "$(sed -n 's/{"epoch":\([0-9]*\),.*"train_loss".*/\1/p' lost/metrics.jsonl)" \
        "$(seq "$(grep -c train_loss lost/metrics.jsonl)")"
    same "no step is missing" "$(sed -n 's/.*"step":\([0-9]*\),.*"steps":5,.*/\1/p' lost/metrics.jsonl)" \
        "$(seq 5 5 "$((5 * $(grep -c '"steps"' lost/metrics.jsonl)))")"
    run 0 "$train" mlp.json --run-dir lost --resume --quiet # with fewer epochs than are done
    check "what is there is whole" is_empty "$err"
    rm -rf lost
}

# A file size limit that the first checkpoints fit in, but not those that also hold the best weights.
test_full_disk() {
    run 0 "$train" mlp.json --run-dir whole --quiet --threads 1
    size=$(wc -c <whole/checkpoint.safetensors)
    # shellcheck disable=SC2016
    run 0 sh -c 'ulimit -f "$2"; exec "$1" mlp.json --run-dir full --quiet' sh "$train" $((size * 5 / 6 / 512))
    same "a full disk is told once" "$(cat "$err")" \
        "train: full/checkpoint.safetensors: cannot be written: File too large; training continues, and the checkpoint of step 11 is kept"
    check "a full disk: the model" cmp full/model.safetensors whole/model.safetensors
    same "a full disk: what is left" "$(ls full)" "$(printf '%s\n' checkpoint-10.safetensors checkpoint.safetensors \
        config.json metrics.jsonl model.safetensors result.json)"
    rm full/model.safetensors full/result.json
    run 0 "$train" mlp.json --run-dir full --resume
    check "the previous checkpoint is whole" has '^resumes full after step 11$' "$err"
    as_never_stopped "resumed after a full disk" full whole
    # The last write fails, too.
    rm -rf full
    start full --set train.checkpoint.keep=0
    mv full elsewhere && : >full
    check "a lost directory is told" wait_until 20 said 'full/checkpoint'
    end INT 1
    check "an interrupted run that cannot be saved: $(cat "$err")" \
        has '^the checkpoint of step [0-9]* is kept; resume from it with: .* mlp.json --resume --run-dir full --set train.epochs=1000000 --set train.checkpoint.keep=0$' "$err"
    rm -rf full elsewhere whole
    # No checkpoint fits, but the model does; then nothing fits.
    run 0 "$train" mlp.json --run-dir fits --quiet
    model=$(wc -c <fits/model.safetensors)
    rm -rf fits
    # shellcheck disable=SC2016
    run 0 sh -c 'ulimit -f "$2"; exec "$1" mlp.json --run-dir full' sh "$train" $((model / 512 + 2))
    check "what there is not is not said to be there: $(cat "$out")" \
        has '^full holds config.json, metrics.jsonl and result.json, but no checkpoint.safetensors$' "$out"
    rm -rf full
    # shellcheck disable=SC2016
    run 1 sh -c 'ulimit -f "$2"; exec "$1" mlp.json --run-dir full --quiet' sh "$train" $((model / 1024))
    check "what to do where nothing fits: $(cat "$err")" has '^there is no checkpoint to resume from; make room, ' "$err"
    rm -rf full
}

# An obstacle to the rename, or a broken file, in place of the newest checkpoint.
test_broken_checkpoints() {
    run 0 "$train" mlp.json --run-dir whole --quiet
    for breaks in directory cut byte gone; do
        rm -rf broken
        cp -r whole broken
        newest=broken/checkpoint.safetensors
        case $breaks in
        directory) rm $newest && mkdir $newest && : >$newest/file && what='cannot be read: Is a directory' ;;
        cut) truncate -s -1 $newest && what='.* cut short or damaged' ;;
        byte) printf x | dd of=$newest bs=1 seek=100000 conv=notrunc 2>/dev/null && what='damaged: its checksum is .*' ;;
        gone) rm $newest && what='cannot be opened: No such file or directory' ;;
        esac
        run 0 "$train" mlp.json --run-dir broken --quiet --resume
        check "a broken checkpoint ($breaks): $(cat "$err")" said "$newest: $what; trying the one before$"
        as_never_stopped "a broken checkpoint ($breaks)" broken whole
        if [ $breaks = directory ]; then
            check "a rename that fails: $(cat "$err")" said "$newest: cannot be written: Is a directory; training continues, and the checkpoint of step 71 is kept$"
        else
            run 0 "$train" mlp.json --run-dir broken --quiet --resume
            check "the newest is whole again: $(cat "$err")" is_empty "$err"
        fi
    done
    # Nothing is left to resume from.
    for file in broken/checkpoint*; do
        : >"$file"
    done
    run 1 "$train" mlp.json --run-dir broken --resume --quiet
    same "all are broken" "$(sed -n '$p' "$err")" \
        "train: broken/checkpoint.safetensors: not a safetensors file, or cut short; there is no other checkpoint to resume from: begin a new run, from the best model if you like (--init-from broken/model.safetensors)"
    rm -rf broken whole
}

# A run killed before its first checkpoint starts over, with the same config, if that overwrites nothing.
test_no_checkpoint() {
    run 0 "$train" mlp.json --run-dir whole --quiet
    mkdir early
    cp whole/config.json early
    echo '{"epoch":1,' >early/metrics.jsonl
    run 0 "$train" mlp.json --run-dir early --resume
    check "a run without a checkpoint" has '^resumes early from the beginning: it has no checkpoint yet$' "$err"
    as_never_stopped "a run without a checkpoint" early whole
    rm -rf early
    mkdir early
    : >early/config.json.1234.part # killed before it had a config
    run 0 "$train" mlp.json --run-dir early --quiet
    as_never_stopped "a run without a config" early whole
    check "what was left of a config is gone" test ! -e early/config.json.1234.part
    rm early/checkpoint*
    run 1 "$train" mlp.json --run-dir early --resume
    same "a model without a checkpoint" "$(cat "$err")" "train: early: there is no checkpoint to resume from, and starting over would replace its model.safetensors; name another directory, or remove that file"
    rm -rf early
    run 0 "$train" mlp.json --run-dir whole2 --quiet --init-from whole/model.safetensors
    start early --init-from whole/model.safetensors --set 'train.checkpoint={"every_epochs":0}'
    end KILL 137
    run 0 "$train" mlp.json --run-dir early --resume --quiet
    as_never_stopped "a run with other weights at first, killed" early whole2
    rm -rf early whole whole2
}

# By force, and with the command that train itself suggests.
test_diverged() {
    run 0 "$train" mlp.json --run-dir wild --quiet --set train.epochs=2
    run 3 "$train" mlp.json --run-dir wild --quiet --resume --force --set train.checkpoint.every_steps=0 \
        --set train.optimizer.learning_rate=1e20
    check "what went wrong" test -e wild/diverged.json -a -e wild/diverged.png
    check "what it came to before is no result" test ! -e wild/result.json
    wrong=$(sed -n 's/.* in epoch 3, step \([0-9]*\), at a learning rate of .*/\1/p' "$err")
    check "the step is counted from the start, as in the checkpoint: $wrong" test "$wrong" -gt 24
    same "the step in diverged.json" "$("$tools/json" get wild/diverged.json step)" "$wrong"
    # The checkpoint has the settings that were forced on it.
    run 3 "$train" wild/config.json --run-dir wild --quiet --resume
    sed -n 's/^the checkpoint of step 24 is kept; to resume from it with a lower learning rate: \(.*\)$/\1/p' "$err" >way_out
    check "the way out" has ' --force --set train.optimizer.learning_rate=1e+19$' way_out
    echo '--set train.optimizer.learning_rate=0.01' | paste -d ' ' way_out - >go_on
    run 0 sh ./go_on
    same "nothing is left of what went wrong" "$(ls wild)" "$(printf '%s\n' checkpoint-60.safetensors \
        checkpoint.safetensors config.json metrics.jsonl model.safetensors result.json)"
    rm -rf wild
    run 3 "$train" mlp.json --run-dir wild --quiet --set train.optimizer.learning_rate=1e30 --set train.checkpoint.every_steps=0
    check "no checkpoint to resume from" has '^there is no checkpoint yet; to start over with a lower learning rate: ' "$err"
    run 0 "$train" mlp.json --run-dir wild --quiet --resume
    check "the divergence is over" test ! -e wild/diverged.json -a -e wild/result.json
    rm -rf wild way_out go_on
    # The config does not mention the optimizer; twice, with one learning rate each time.
    seq 100 | sed 's/.*/&000,&000/; 1i x,y' >steep.csv
    cat >steep.json <<END
{
  "dataset": {"format": "csv", "file": "steep.csv", "target": "y", "task": "regression", "normalize": "none"},
  "model": {"layers": [{"type": "dense", "units": 1}], "output": {"type": "mean_squared_error"}},
  "train": {"batch_size": 5}
}
END
    run 3 "$train" steep.json --run-dir wild --quiet
    check "large numbers to predict" has '^targets are up to 1e+05 and not rescaled: ' "$err"
    for rate in 0.001 0.0001; do
        sed -n 's/^there is no checkpoint yet; to start over with a lower learning rate: //p' "$err" >way_out
        same "the way out of a default" "$(sed 's/.* --resume/--resume/' way_out)" \
            "--resume --run-dir wild --set train.optimizer.type=sgd --set train.optimizer.learning_rate=$rate"
        run 3 sh ./way_out
    done
    rm -rf wild
    # If the weights of the checkpoint, or the initial ones, already cause it, no learning rate helps.
    run 3 "$train" mlp.json --run-dir wild --quiet --set train.checkpoint.every_steps=1 --set train.optimizer.learning_rate=1e30
    sed -n 's/^the checkpoint of step 1 is kept, but its weights would fail again; to start over with a lower learning rate: //p' "$err" >way_out
    check "the way out of weights that are too large" \
        has ' mlp.json --set train.checkpoint.every_steps=1 --set train.optimizer.learning_rate=1e+29$' way_out
    rm -rf wild
    run 3 "$train" mlp.json --run-dir wild --quiet --set 'model.layers[1].initializer=1e38'
    check "weights that were too large before anything was learnt" \
        has '^there is no checkpoint yet; to start over, once that is fixed: .* --resume --run-dir wild --set .*=1e38' "$err"
    check "no learning rate" lacks learning_rate= "$err"
    check "what to look at then" has '^no weight had changed yet: look at the values of the data, ' "$err"
    check "all samples are concerned" has '^  it shows in all of them$' "$err"
    rm -rf wild
    # If an update overflows, a lower learning rate does help; and a run begun anew begins as the first time.
    run 0 "$train" mlp.json --run-dir good --quiet --set train.epochs=1
    run 3 "$train" mlp.json --run-dir wild --quiet --init-from good/model.safetensors --set train.optimizer.learning_rate=1e300
    check "the way out of an update: $(cat "$err")" \
        has '^the checkpoint of step 0 is kept; to resume from it with a lower learning rate: .*=1e+299$' "$err"
    check "no checkpoint is missed" lacks 'training continues' "$err"
    rm -rf wild
    run 3 "$train" mlp.json --run-dir wild --quiet --init-from good/model.safetensors --set train.checkpoint.every_steps=1 \
        --set train.optimizer.learning_rate=1e30
    check "the way out begins with the same weights: $(cat "$err")" \
        has ' but its weights would fail again; to start over .* mlp.json --init-from good/model.safetensors --set ' "$err"
    rm -rf wild good
    # Weights that jump in the first step, but cause nothing before the sixth.
    printf '%s\n' x,y 1,1000 0,0 0,0 0,0 0,0 3e38,0 >steep.csv
    run 3 "$train" steep.json --run-dir wild --quiet --set 'model.layers[0].bias=false' --set train.batch_size=1 \
        --set train.shuffle=false --set train.optimizer.type=sgd --set train.optimizer.learning_rate=0.5 \
        --set train.checkpoint.every_steps=2
    check "the way out of weights that have jumped: $(cat "$err")" \
        has '^the checkpoint of step 4 is kept, but its weights would fail again; to start over with a lower ' "$err"
    rm -rf wild
    # Weights that grow twentyfold in each step, by which they never jump.
    seq 100 | sed 's/.*/1,0.5/; 1i x,y' >steep.csv
    run 3 "$train" steep.json --run-dir wild --quiet --set train.optimizer.type=sgd --set train.optimizer.learning_rate=5.25 \
        --set train.checkpoint.every_steps=10
    sed -n 's/^the checkpoint of step 20 is kept, but its weights had already grown to 3.372e+25; to start over with a lower learning rate: //p' "$err" >way_out
    check "the way out of weights that have grown: $(cat "$err")" \
        has ' steep.json --set train.optimizer.type=sgd .* --set train.optimizer.learning_rate=0.525$' way_out
    check "it is one" lacks 'resume\|force' way_out
    rm -rf wild way_out steep.csv steep.json
}

# A run that ended in the middle of an epoch, because of max_steps or max_minutes, continues with more of it as if it
# had not ended.
test_limits() {
    run 0 "$train" cnn.json --run-dir whole --quiet
    run 0 "$train" cnn.json --run-dir limited --quiet --set train.max_steps=29 --set train.checkpoint.every_steps=0
    same "lines of epochs of a limited run" "$(sed '/"steps":/d; s/{"epoch":\([0-9]*\),"step":\([0-9]*\),.*/\1 \2/' limited/metrics.jsonl)" "1 12
2 24
3 29"
    run 0 "$train" cnn.json --run-dir limited --resume --dry-run
    check "a limited run is saved at its end" has '^resumes limited after step 29$' "$err"
    cp -r limited again
    run 0 "$train" cnn.json --run-dir again --quiet --resume --set train.max_steps=29
    as_never_stopped "a limited run, as it was" again limited
    run 0 "$train" cnn.json --run-dir limited --quiet --resume
    as_never_stopped "a limited run, without the limit" limited whole
    rm -rf limited again
    run 0 "$train" cnn.json --run-dir limited --quiet --set train.max_minutes=1e-9
    same "steps of a run without time" "$("$tools/json" get limited/result.json steps)" 1
    run 0 "$train" cnn.json --run-dir limited --quiet --resume
    as_never_stopped "a run without time, with time" limited whole
    rm -rf limited whole
}

# A run continues after whatever is left of metrics.jsonl, line by line.
test_edited_metrics() {
    run 0 "$train" mlp.json --run-dir whole --quiet --set train.epochs=3
    # shellcheck disable=SC2016
    for edit in 's/.$/&/' 1d '1s/^/{"a":"comment"}\n/' '$s/.........$//'; do
        rm -rf edited
        cp -r whole edited
        sed -i "$edit" edited/metrics.jsonl
        # shellcheck disable=SC2016
        [ "$edit" != '$s/.........$//' ] || truncate -s -1 edited/metrics.jsonl
        run 0 "$train" mlp.json --run-dir edited --quiet --resume --set train.epochs=5
        same "the end of metrics.jsonl after $edit" "$(sed -n 's/^{"epoch":\([45]\),.*}$/\1/p' edited/metrics.jsonl | tail -n 2)" "4
5"
        check "lines after $edit" lacks '}{\|[^}]$' edited/metrics.jsonl
    done
    rm -rf edited whole
}

# count_checkpoints RUN
count_checkpoints() {
    find "$1" -name 'checkpoint*.safetensors' | wc -l | tr -d ' '
}

test_changed_config() {
    run 0 "$train" mlp.json --run-dir changed --quiet
    run 2 "$train" mlp.json --run-dir changed --resume --set train.optimizer.momentum=0.8 --set dataset.validation_fraction=0.1
    same "a changed config" "$(cat "$err")" "train: changed/checkpoint.safetensors: the checkpoint was made with other settings: train.optimizer.momentum was 0.9 and is now 0.8, dataset.validation_fraction was 0.2 and is now 0.1; changed/config.json has the original settings, and --force resumes anyway, if weights and optimizer still fit"
    run 2 "$train" mlp.json --run-dir changed --resume --dry-run --quiet --set train.optimizer.momentum=0.8
    check "a changed config, --dry-run" has 'other settings: train.optimizer.momentum was 0.9 and is now 0.8; ' "$err"
    cp -r changed before
    run 0 "$train" mlp.json --run-dir changed --resume --dry-run --set train.epochs=8
    check "where --dry-run would go on" has '^resumes changed after step 72$' "$err"
    run 0 "$train" mlp.json --run-dir changed --resume --force --dry-run --set train.optimizer.momentum=0.8
    check "--dry-run changes nothing" diff -r before changed
    rm -rf before
    run 0 "$train" mlp.json --run-dir changed --resume --quiet --set train.epochs=8 --set train.checkpoint.keep=0 --set name=other
    same "more epochs" "$(wc -l <changed/metrics.jsonl)" 8
    same "config.json has what changed" "$("$tools/json" get changed/config.json name)" '"other"'
    same "older checkpoints that are no longer kept" "$(count_checkpoints changed)" 1
    run 0 "$train" mlp.json --run-dir changed --resume --force --quiet --set train.epochs=9 --set train.optimizer.momentum=0.8
    same "by force" "$(wc -l <changed/metrics.jsonl)" 9
    run 0 "$train" mlp.json --run-dir changed --resume --force --quiet --set train.epochs=10 \
        --set dataset.validation_fraction=0 --set train.schedule.warmup_epochs=0
    check "by force, without validation: $(cat "$err")" is_empty "$err"
    run 2 "$train" mlp.json --run-dir changed --resume --force --quiet --set 'model.layers[1].units=64'
    same "what force cannot do" "$(cat "$err")" 'train: changed/checkpoint.safetensors: the tensor "layers.1.weight" is 128 × 784, but the model needs 64 × 784'
    run 2 "$train" mlp.json --run-dir changed --resume --force --quiet --set 'train.optimizer={"type":"adamw"}'
    same "what force cannot make up" "$(cat "$err")" 'train: changed/checkpoint.safetensors: there is no tensor "optimizer.first_moment.layers.1.weight", which the current train.optimizer needs; its weights can still start a new run (--init-from changed/checkpoint.safetensors)'
    run 0 "$train" mlp.json --run-dir other --quiet --set 'train.optimizer={"type":"adamw"}' --init-from changed/checkpoint.safetensors
    rm -rf other
    rm -rf changed
}

# The keys that choose target and inputs count; a file's path does not, but its contents do.
test_changed_data() {
    for i in 1 2 3 4 5 6 7 8 9 10; do
        echo "$i,$((i % 3)),$((i % 2)),$((i / 6))"
    done >small.csv
    cat >small.json <<'END'
{"dataset": {"format": "csv", "file": "small.csv", "target": 4, "drop": [3]},
 "model": {"layers": [{"type": "dense", "units": 2}], "output": {"type": "softmax_cross_entropy"}},
 "train": {"epochs": 1}}
END
    run 0 "$train" small.json --run-dir small --quiet
    run 2 "$train" small.json --run-dir small --resume --set dataset.target=3 --set 'dataset.drop=[4]'
    same "another target" "$(cat "$err")" "train: small/checkpoint.safetensors: the checkpoint was made with other settings: dataset.target was 4 and is now 3, dataset.drop[0] was 3 and is now 4; small/config.json has the original settings, and --force resumes anyway, if weights and optimizer still fit"
    cp small.csv another.csv
    run 0 "$train" small.json --run-dir small --resume --quiet --set dataset.file=another.csv
    echo "5.5,1,0,1" >>small.csv
    run 2 "$train" small.json --run-dir small --resume
    check "another sample" has '^train: small/checkpoint.safetensors: the checkpoint was made with other data: training_samples was 10 and is now 11, preprocessing\.deviation\[0] was ' "$err"
    rm -rf small
    # Another label, which shows in the weights of the classes.
    run 0 "$train" small.json --run-dir small --quiet --set dataset.class_weights=balanced
    sed -i 's/^1,1,1,0$/1,1,1,1/' small.csv
    run 2 "$train" small.json --run-dir small --resume --set dataset.class_weights=balanced
    check "another label in the file: $(cat "$err")" has 'was made with other data: class_weights\[0] was ' "$err"
    rm -rf small small.csv another.csv small.json
    cat >few.json <<'END'
{"dataset": {"format": "inline", "samples": [[0, 0], [0, 1], [1, 0], [1, 1]], "labels": [0, 1, 1, 0]},
 "model": {"layers": [{"type": "dense", "units": 1}], "output": {"type": "sigmoid_cross_entropy"}},
 "train": {"epochs": 1}}
END
    run 0 "$train" few.json --run-dir few --quiet
    run 2 "$train" few.json --run-dir few --resume --set 'dataset.labels[3]=1'
    check "another label" has 'other settings: dataset.labels\[3] was 0 and is now 1; ' "$err"
    rm -rf few few.json
}

# By every_minutes; and at the end in any case.
test_when() {
    run 0 "$train" mlp.json --run-dir timed --quiet --set 'train.checkpoint={"every_epochs":0,"keep":1000}'
    same "none but the last" "$(count_checkpoints timed)" 1
    rm -rf timed
    run 0 "$train" mlp.json --run-dir timed --quiet --set 'train.checkpoint={"every_epochs":2,"keep":1000}'
    same "every two epochs" "$(cd timed && echo checkpoint-*)" "checkpoint-24.safetensors checkpoint-48.safetensors"
    rm -rf timed
    run 0 "$train" mlp.json --run-dir timed --quiet --set 'train.checkpoint={"every_epochs":0,"every_steps":30,"keep":1000}'
    same "every 30 steps" "$(cd timed && echo checkpoint-*)" "checkpoint-30.safetensors checkpoint-60.safetensors"
    rm -rf timed
    run 0 "$train" mlp.json --run-dir timed --quiet --set 'train.checkpoint={"every_epochs":0,"every_minutes":1e-9,"keep":1000}'
    same "all the time" "$(count_checkpoints timed)" 72
    rm -rf timed
    run 0 "$train" mlp.json --run-dir timed --quiet --set 'train.checkpoint={"every_epochs":0,"every_minutes":1,"keep":1000}'
    same "not before the first minute is over" "$(count_checkpoints timed)" 1
    rm -rf timed
    run 0 "$train" mlp.json --run-dir timed --quiet --set train.epochs=1000000 --set train.max_minutes=0.02 \
        --set 'train.checkpoint={"every_epochs":0,"every_minutes":0.01,"keep":1000}'
    check "every so many minutes: $(count_checkpoints timed)" test "$(count_checkpoints timed)" -le 4
    rm -rf timed
}

write_mlp ', "metrics": {"every_steps": 5, "norms": true}' >mlp.json
write_cnn >cnn.json
killed mlp.json checkpoint-71.safetensors checkpoint.safetensors config.json metrics.jsonl model.safetensors result.json
killed cnn.json checkpoint.safetensors config.json metrics.jsonl model.safetensors result.json
write_mlp >mlp.json
test_two_processes
test_signals
test_broken_pipe
test_lost_directory
test_full_disk
test_broken_checkpoints
test_no_checkpoint
test_diverged
test_changed_config
test_changed_data
test_limits
test_edited_metrics
test_when
rm -f mlp.json cnn.json
finish ""
