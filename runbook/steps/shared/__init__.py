"""What steps share, of one chapter or several. A chapter's folder holds its steps and nothing else."""
