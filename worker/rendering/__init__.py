"""Turns a template and values into a message. Pure: no database, no Flask, no network.

content      what an email template consists of, and what one rendered email consists of
sandbox      the Jinja dialect and its limits          limits       time and memory of one rendering
compiler     compile once per version, render many     variables    which names a template uses, and where
diagnostics  what is wrong with a template             checks       what is unwise about it
preview      rendering of unsaved templates, in a process that may be killed
plain_text   text from HTML                            text_template  the same for a template, once per version
segments     encoding and length of an SMS                registered_text  an SMS against the text a regulator knows
sms, push    the same as content and compiler for the other channels, with sms_checks and push_checks
channels     email, SMS or push: which of them a template is written in
mime         RFC 5322 bytes from a rendered message    headers, addresses  their smaller parts
values       which value a variable has, and where it came from
"""
