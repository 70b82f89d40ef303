PYTHON ?= python3
BIN := .venv/bin
UV := .venv/bin/uv

