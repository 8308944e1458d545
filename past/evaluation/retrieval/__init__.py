"""Retrieval: does a crop find its own transcriptome among those of its section?"""
