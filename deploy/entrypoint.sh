#!/bin/sh
# What the image runs: a service (`orders`, `orders api`), or a command for the whole installation.
set -eu
what=${1:-help}
[ $# -gt 0 ] && shift
case $what in
  databases) exec python -m deploy.databases "$@" ;;
  prepare) exec python -m deploy.prepare "$@" ;;
  events) exec python -m libs.events "$@" ;;
  help)
    echo "comanda SERVICE [all|api|worker|relay|migrate]: one of $(cd /app/services && ls -d [a-z]*/ | tr -d / | xargs)"
    echo "comanda databases: make the roles and databases on the server of POSTGRES_URL"
    echo "comanda prepare [SERVICE ...]: migrate every database, make the topics"
    echo "comanda events ...: dead letters, lag, outbox, topics"
    ;;
  *) exec python -m "services.$what" "$@" ;;
esac
