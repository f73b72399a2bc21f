# What every interactive shell of root runs.
alias rm='rm -i'
alias cp='cp -i'
alias mv='mv -i'
if [ -f /etc/bashrc ]; then . /etc/bashrc; fi
