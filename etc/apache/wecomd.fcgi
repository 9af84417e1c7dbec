#!/bin/sh
# Started by mod_fcgid with the listening socket as standard input; wecomd then runs web processes alone.
exec /usr/bin/wecomd -c /etc/wecomd/wecomd.conf -c /etc/wecomd/fcgid.conf serve
