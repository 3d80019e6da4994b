"""Price files of any vendor: from bytes to bars, without being told how they are written.

`text` finds encoding, separator and header, `columns` what each column is, `dates` and `numbers`
how cells are written, each decided over the whole file, `adjustment` what the prices are adjusted
for. Where two readings are possible, the file is refused. What belongs to folders, URLs and
symbols stays in `sources.files`.
"""
