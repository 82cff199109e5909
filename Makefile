# make see: set up, and tell the emotion on a photo, bare and masked.
# make demo: set up, draw faces, mask them, train with and without masks.
# make test: set up and run every test.   make check: set up and run the fast tests.
# make report: build Report.pdf from report/ and Results/, and before it all else that is made from Results/: study.json, the
#   README's pictures and table, the card of the shipped weights.
PYTHON ?= python3
VENV := .venv
# One thread a test process: two processes share two cores without fighting.
RUN := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist worksteal

DEMO := data/demo-results
DEMO_TRAINING := --DB D --main_folder $(DEMO) --imagesize 80 --epochs 6 -b 32 -j 0 --optimizer adamw --schedule cosine \
	--lr 0.001 --weight-decay 0.05 --ema 0.98 --overwrite --publish

.PHONY: setup see demo report lint check test

setup: $(VENV)/ready

# What a try that failed left is cleared: it would keep its interpreter.
$(VENV)/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
		{ echo "$(PYTHON): not Python 3.11 to 3.13; name one: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(if $(wildcard $@),,--clear) $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r requirements.txt
	touch $@

see: setup
	@rm -f data/see/astronaut.jpg # of an earlier time: predict.py replaces no file
	$(VENV)/bin/python predict.py misc/astronaut.jpg --put_mask surgical_blue --save data/see
	@echo "Photo with its answers and gates: data/see/astronaut.jpg"

# The faces stay once they are drawn; the rest is done again each time.
data/demo/faces.csv: | setup
	$(VENV)/bin/python -m pre_processing.demo data/demo --faces 1400

demo: setup data/demo/faces.csv
	$(VENV)/bin/python -m pre_processing.prepare --DB D --root_path data/demo --masked_root data/demo-masked --out $(DEMO)
	$(VENV)/bin/python main_trainer.py --root_path data/demo --condition unmasked $(DEMO_TRAINING)
	$(VENV)/bin/python main_trainer.py --root_path data/demo-masked --condition masked $(DEMO_TRAINING)
	@echo
	@echo "Confusion matrices, of drawn faces:"
	@echo "  $(DEMO)/UnmaskedDatasets/Demo/SevenEmotions/7U.png"
	@echo "  $(DEMO)/MaskedDatasets/Demo/SevenEmotions/7M.png"

report: setup
	$(VENV)/bin/python -m training.analysis
	$(VENV)/bin/python -m training.study_pictures
	$(VENV)/bin/python -m report.table README.md
	$(VENV)/bin/python -m training.weights --card
	$(VENV)/bin/python -m report.build

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

check: lint
	$(RUN) -m "not slow"

test: lint
	$(RUN)
