# Completion of stop_copper.sh for fish.
# SPDX-License-Identifier: BSD-3-Clause
complete -c stop_copper.sh -f
complete -c stop_copper.sh -s v -x -a '(__fish_complete_directories)' -d mount
complete -c stop_copper.sh -s H -r -F -d hosts
complete -c stop_copper.sh -l all -d 'also what another job launched'
complete -c stop_copper.sh -l log-collect -r -F -d 'one log of all nodes'
complete -c stop_copper.sh -l help -d help
complete -c stop_copper.sh -l version -d version
