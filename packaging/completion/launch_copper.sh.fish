# Completion of launch_copper.sh for fish.
# SPDX-License-Identifier: BSD-3-Clause
complete -c launch_copper.sh -f
complete -c launch_copper.sh -s l -x -a '1 2 3 4 5 6' -d 'log level'
complete -c launch_copper.sh -s t -x -a 'file stdout file_and_stdout' -d 'log type'
complete -c launch_copper.sh -s d -x -a '(__fish_complete_directories)' -d 'log directory'
complete -c launch_copper.sh -s T -x -d trees
complete -c launch_copper.sh -s k -x -d fan-out
complete -c launch_copper.sh -s M -x -d 'a larger file is read by each node'
complete -c launch_copper.sh -s m -x -d 'memory of the cache'
complete -c launch_copper.sh -s s -x -d 'longest wait, seconds'
complete -c launch_copper.sh -s b -x -d 'cores of the daemon'
complete -c launch_copper.sh -s E -x -d 'how long absence is believed, ms'
complete -c launch_copper.sh -s v -x -a '(__fish_complete_directories)' -d mount
complete -c launch_copper.sh -s H -r -F -d hosts
complete -c launch_copper.sh -s p -x -d port
complete -c launch_copper.sh -s n -x -a '(echo tcp; for i in /sys/class/net/*; echo tcp:(basename $i); end)' -d network
complete -c launch_copper.sh -s I -x -d 'counters so often, seconds'
complete -c launch_copper.sh -s P -d 'report of the job'
complete -c launch_copper.sh -s N -x -d 'paths in its lists'
complete -c launch_copper.sh -s A -d 'whole paths in its summary'
complete -c launch_copper.sh -l address -x -d 'how hosts are reached on the data network'
complete -c launch_copper.sh -l listings -x -d 'what listings are worth'
complete -c launch_copper.sh -l serve -x -a '(__fish_complete_directories)' -d 'what is served'
complete -c launch_copper.sh -l storage-rate -x -d 'bytes asked for in advance a second'
complete -c launch_copper.sh -l symlinks -x -a 'keep rewrite' -d 'links that lead out of the view'
complete -c launch_copper.sh -l allow-missing -x -d 'go on without so many nodes'
complete -c launch_copper.sh -l log-collect -d 'one log of all nodes at the stop'
complete -c launch_copper.sh -l once -d 'nothing when it runs already'
complete -c launch_copper.sh -l learn -x -a 'auto off' -d 'record and replay what is touched'
complete -c launch_copper.sh -l learn-wait -d 'ready when that is there'
complete -c launch_copper.sh -l encrypt -d 'encrypt the traffic'
complete -c launch_copper.sh -l help -d help
complete -c launch_copper.sh -l version -d version
