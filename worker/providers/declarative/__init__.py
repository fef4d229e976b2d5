"""An HTTP gateway for text messages, described by data: what to send, how to read the answer and the callbacks.

gateway (the description) -> filling (a request from it) -> finding (places in an answer) -> answers (verdicts) and
callbacks (receipts) -> provider (the base class of gateways that are described). What an operator types is read by
`lines`.
"""
