#!/bin/sh
set -eu

if temporal operator namespace describe --namespace default > /dev/null 2>&1; then
  exit 0
fi
temporal operator namespace create --namespace default --retention 30d
