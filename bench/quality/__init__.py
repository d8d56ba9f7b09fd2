"""Measure how well the method tells defective parts: tables for docs/dev/quality.md.

python -m bench.quality images FOLDER     settings on real images
python -m bench.quality synthetic         the built-in encoders on the synthetic set
python -m bench.quality aupro             the published and the streamed metrics against exact ones
"""
