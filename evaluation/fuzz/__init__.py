"""Hostile input: whatever the bytes, a report or a clean refusal, in bounded time and memory."""
