# Completion of copper for fish.
# SPDX-License-Identifier: BSD-3-Clause
complete -c copper -f
complete -c copper -n __fish_use_subcommand -a status -d 'what runs, and in which tree'
complete -c copper -n __fish_use_subcommand -a stats -d 'what was asked, and what it cost'
complete -c copper -n __fish_use_subcommand -a top -d 'what the job does now'
complete -c copper -n __fish_use_subcommand -a stop -d 'ends Copper'
complete -c copper -n __fish_use_subcommand -a refresh -d 'drops what is cached'
complete -c copper -n __fish_use_subcommand -a stage -d 'puts trees into all caches'
complete -c copper -n __fish_use_subcommand -a report -d 'a page of what was saved and where time went'
complete -c copper -n __fish_use_subcommand -a doctor -d 'what could keep Copper from working'
complete -c copper -n __fish_use_subcommand -a epilogue -d 'takes away what dead daemons of a user left'
complete -c copper -n '__fish_seen_subcommand_from epilogue' -x -a '(__fish_complete_users)'
complete -c copper -n __fish_use_subcommand -a trace -d 'recipes: what a start touches'
complete -c copper -n '__fish_seen_subcommand_from trace' -F -a 'record show merge'
complete -c copper -n __fish_use_subcommand -a run -d 'runs a command that reads through Copper'
complete -c copper -n __fish_use_subcommand -a path -d 'the other name of a path'
complete -c copper -n __fish_use_subcommand -a env -d 'variables with the prefix of the mount'
complete -c copper -n __fish_use_subcommand -a leaks -d 'what a command reads past Copper'
complete -c copper -n '__fish_seen_subcommand_from leaks report' -s o -l output -r -F -d 'where the list goes'
complete -c copper -n '__fish_seen_subcommand_from leaks' -l over -x -a '(__fish_complete_directories)' -d 'count as shared, too'
complete -c copper -n '__fish_seen_subcommand_from run' -l over -x -a '(__fish_complete_directories)' -d 'serve these'
complete -c copper -n '__fish_seen_subcommand_from run' -l not -x -a '(__fish_complete_directories)' -d 'leave these'
complete -c copper -n '__fish_seen_subcommand_from run' -l rw -x -a '(__fish_complete_directories)' -d 'the job writes there'
complete -c copper -n '__fish_seen_subcommand_from run' -l show -d 'what would be served'
complete -c copper -n '__fish_seen_subcommand_from run' -l view -x -a 'bind overlay' -d 'how'
complete -c copper -n '__fish_seen_subcommand_from run' -l prefix-instead -d 'where it cannot be done'
complete -c copper -n '__fish_seen_subcommand_from path' -F
complete -c copper -n '__fish_seen_subcommand_from env' -l undo -d 'without the prefix'
complete -c copper -n '__fish_seen_subcommand_from env' -l shell -x -a 'bash zsh csh fish' -d 'for which'
complete -c copper -n __fish_use_subcommand -a config -d 'each setting of a launch'
complete -c copper -n __fish_use_subcommand -a help -d 'help on a command'
complete -c copper -n __fish_use_subcommand -l version -d version
complete -c copper -l help -d help
complete -c copper -n 'not __fish_use_subcommand; and not __fish_seen_subcommand_from config epilogue leaks' -s v -l mount -x -a '(__fish_complete_directories)' -d mount
complete -c copper -n '__fish_seen_subcommand_from status stats stop' -l all -d 'the whole job'
complete -c copper -n '__fish_seen_subcommand_from status stats top stage doctor config trace leaks' -l json -d 'for programs'
complete -c copper -n '__fish_seen_subcommand_from status' -l wait -d 'until all nodes are ready'
complete -c copper -n '__fish_seen_subcommand_from status' -l timeout -x -d 'longest wait, seconds'
complete -c copper -n '__fish_seen_subcommand_from stats' -l nodes -d 'a line a node'
complete -c copper -n '__fish_seen_subcommand_from stats' -l latency -d 'how long answers took'
complete -c copper -n '__fish_seen_subcommand_from stats' -l watch -d 'what changes, a line an interval'
complete -c copper -n '__fish_seen_subcommand_from stats' -l prometheus -d 'Prometheus text'
complete -c copper -n '__fish_seen_subcommand_from top' -l once -d 'as text'
complete -c copper -n '__fish_seen_subcommand_from top' -s d -l delay -x -d 'seconds between samples'
complete -c copper -n '__fish_seen_subcommand_from top' -s n -l count -x -d 'end after so many samples'
complete -c copper -n '__fish_seen_subcommand_from stop' -l here -d 'this node only'
complete -c copper -n '__fish_seen_subcommand_from stop' -l job-id -x -d 'job'
complete -c copper -n '__fish_seen_subcommand_from stop' -l except-job -x -d 'not this job'
complete -c copper -n '__fish_seen_subcommand_from stop' -l owner -x -d 'of this job or session'
complete -c copper -n '__fish_seen_subcommand_from stop' -l log-collect -r -F -d 'one log of all nodes'
complete -c copper -n '__fish_seen_subcommand_from refresh stage report' -F
complete -c copper -n '__fish_seen_subcommand_from run leaks' -a '(__fish_complete_subcommand --fcs-skip=2)'
complete -c copper -n '__fish_seen_subcommand_from help' -a 'status stats top stop refresh stage report doctor epilogue run path env leaks config trace'
complete -c copper -n '__fish_seen_subcommand_from stage' -l manifest -r -F -d 'a list of paths'
complete -c copper -n '__fish_seen_subcommand_from stage' -l wait -d 'until all have it'
complete -c copper -n '__fish_seen_subcommand_from stage' -l no-wait -d 'until all have begun'
complete -c copper -n '__fish_seen_subcommand_from stage' -l timeout -x -d 'longest wait, seconds'
complete -c copper -n '__fish_seen_subcommand_from stage' -l rate -x -d 'bytes a second'
complete -c copper -n '__fish_seen_subcommand_from report' -l csv -x -a '(__fish_complete_directories)' -d 'data of the figures'
# config takes the options of a launch.
complete -c copper -n '__fish_seen_subcommand_from config' -a '(__copper_of_launch)'
function __copper_of_launch
    set -l words (commandline -opc)
    complete -C "launch_copper.sh $words[3..-1] "(commandline -ct)
end
