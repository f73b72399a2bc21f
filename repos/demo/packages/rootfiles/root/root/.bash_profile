# What a login shell of root runs.
if [ -f ~/.bashrc ]; then . ~/.bashrc; fi
